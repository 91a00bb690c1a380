/** The command line of the load benches. Refuses what it does not know. */
import { parseArgs } from 'node:util';
import { benches, type Bench } from './benches.js';
import { CLIENTS, type ClientName } from './messages.js';

export interface Options {
  readonly benches: readonly Bench[];
  /** The embedded server beside a real etcd. */
  readonly embedded: boolean;
  /** What loading the package costs. */
  readonly imports: boolean;
  readonly runs: number;
  readonly quick: boolean;
  /** Undefined: an etcd of the bench's own. */
  readonly endpoint: string | undefined;
  /** End with 1 when a limit is missed. */
  readonly assert: boolean;
  /** Write a CPU profile of each client run. */
  readonly profile: boolean;
}

export const HELP: string = `npm run bench -- [options]

  --only fanout,disjoint   only these benches (${benches(false)
    .map(({ name }) => name)
    .join(', ')};
                           lease: all of lease-…; embedded: the embedded server beside etcd;
                           import: what loading the package costs)
  --clients etcd3,vigil    only these clients (${CLIENTS.join(', ')})
  --runs 5                 runs of each client; the median is printed (default 5; 1 with --quick)
  --quick                  small sizes, one run: for a look, not for figures
  --endpoints host:port    a running etcd instead of one started here (ETCD_BIN, then PATH)
  --assert                 exit code 1 when a limit is missed
  --profile                a .cpuprofile of each client run, in bench/results/profiles
`;

/** Names the option that is wrong. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** Undefined: help was asked for. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parse(args);
  if (values.help === true) return undefined;
  const quick = values.quick === true;
  const clients = values.clients === undefined ? undefined : clientNames(values.clients);
  const names = values.only?.split(',');
  return {
    embedded: names?.includes('embedded') === true,
    imports: names?.includes('import') === true,
    benches: chosen(benches(quick), names).flatMap((bench) => withClients(bench, clients)),
    runs: runsOf(values.runs) ?? (quick ? 1 : 5),
    quick,
    endpoint: values.endpoints,
    assert: values.assert === true,
    profile: values.profile === true,
  };
}

function parse(args: readonly string[]): { values: Values } {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string' },
        clients: { type: 'string' },
        runs: { type: 'string' },
        quick: { type: 'boolean' },
        endpoints: { type: 'string' },
        assert: { type: 'boolean' },
        profile: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

interface Values {
  readonly only?: string;
  readonly clients?: string;
  readonly runs?: string;
  readonly quick?: boolean;
  readonly endpoints?: string;
  readonly assert?: boolean;
  readonly profile?: boolean;
  readonly help?: boolean;
}

function runsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const runs = Number(text);
  if (!Number.isInteger(runs) || runs < 1) throw new UsageError(`--runs must be a whole number from 1, not ${text}`);
  return runs;
}

function chosen(all: readonly Bench[], only: readonly string[] | undefined): readonly Bench[] {
  // Leases take half an hour: they run when they are named.
  if (only === undefined) return all.filter(({ kind }) => kind === 'watch');
  return only.flatMap((name) => {
    if (name === 'embedded' || name === 'import') return [];
    const found = all.filter((bench) => bench.name === name || (name === 'lease' && bench.kind === 'lease'));
    if (found.length === 0) throw new UsageError(`--only: there is no bench ${name}`);
    return found;
  });
}

function clientNames(text: string): readonly ClientName[] {
  return text.split(',').map((name) => {
    const client = CLIENTS.find((known) => known === name);
    if (client === undefined) throw new UsageError(`--clients: there is no client ${name}`);
    return client;
  });
}

function withClients(bench: Bench, clients: readonly ClientName[] | undefined): readonly Bench[] {
  if (clients === undefined) return [bench];
  const kept = bench.clients.filter((client) => clients.includes(client));
  return kept.length === 0 ? [] : [{ ...bench, clients: kept }];
}
