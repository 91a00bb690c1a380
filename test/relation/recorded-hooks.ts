// Recordings of the genuine Python class, hook by hook, and a backend that answers as the tools answered in one of those hooks.
import { readFileSync } from 'node:fs';
import type { Databag, DatabagChange, HookContext, JujuBackend, RelationPhase } from '../../src/main/relation/index.js';

type Bag = Readonly<Record<string, string>>;

/** One recorded hook. */
export interface RecordedHook {
  readonly unit: string;
  readonly hook: string;
  readonly relationId: string | null;
  /** Empty where Juju names none. */
  readonly remoteUnit: string;
  readonly flags: readonly string[];
  /** What the handlers noted: the hook's name, and a name or a name with what an accessor gave. */
  readonly events: readonly (readonly [string, unknown])[];
  /** By relation number, then by member. The requiring side writes nothing, so these are the databags before the hook, too. */
  readonly databagsAfter: Readonly<Record<string, Readonly<Record<string, Bag>>>>;
  /** By relation number, application, then local unit: what relation-list printed. */
  readonly membersSeen: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>>>;
}

/** Reads a recording. */
export function recording(name: string): readonly RecordedHook[] {
  // Written by the recorder; its shape is the interface above.
  return JSON.parse(readFileSync(new URL(`./golden/${name}.json`, import.meta.url), 'utf8')) as RecordedHook[];
}

/** One recorded hook as a backend. */
export class RecordedBackend implements JujuBackend {
  readonly context: HookContext;
  /** What was written to the relation; the Python class writes nothing. */
  readonly writes: DatabagChange[] = [];
  readonly #recorded: RecordedHook;
  readonly #state: Map<string, string>;

  /** @param state is kept from hook to hook by the caller. */
  constructor(recorded: RecordedHook, state: Map<string, string>) {
    this.#recorded = recorded;
    this.#state = state;
    const phase = /-relation-([a-z]+)$/u.exec(recorded.hook)?.[1] as RelationPhase | undefined;
    const remoteUnit = recorded.remoteUnit === '' ? undefined : recorded.remoteUnit;
    this.context = {
      ...{ hook: recorded.hook, action: undefined, unit: recorded.unit, app: 'client', secret: undefined },
      relation:
        phase === undefined || recorded.relationId === null
          ? undefined
          : {
              ...{ phase, endpoint: 'etcd', relationId: recorded.relationId, remoteUnit },
              remoteApp: 'etcdp',
              departingUnit: phase === 'departed' ? remoteUnit : undefined,
            },
      ...{ modelUuid: undefined, jujuVersion: '2.9.0', charmDir: undefined },
    };
  }

  async relationIds(endpoint: string): Promise<readonly string[]> {
    return endpoint === 'etcd' ? Object.keys(this.#recorded.membersSeen).map((number) => `etcd:${number}`) : [];
  }

  async relationUnits(relationId: string): Promise<readonly string[]> {
    const apps = this.#recorded.membersSeen[numberOf(relationId)] ?? {};
    return Object.values(apps).flatMap((units) => units[this.#recorded.unit] ?? []);
  }

  async readDatabag(relationId: string, member: string): Promise<Databag> {
    return new Map(Object.entries(this.#recorded.databagsAfter[numberOf(relationId)]?.[member] ?? {}));
  }

  async writeDatabag(_relationId: string, _bag: 'unit' | 'app', change: DatabagChange): Promise<void> {
    this.writes.push(change);
  }

  async readState(): Promise<Databag> {
    return new Map(this.#state);
  }

  async writeState(change: DatabagChange): Promise<void> {
    for (const [key, value] of Object.entries(change)) {
      if (value === null || value === '') this.#state.delete(key);
      else this.#state.set(key, value);
    }
  }

  relationApp = unused;
  relationModel = unused;
  isLeader = unused;
  config = unused;
  setStatus = unused;
  setApplicationVersion = unused;
  log = unused;
  networkInfo = unused;
  peerAddresses = unused;
  readLeaderSettings = unused;
  addSecret = unused;
  readSecret = unused;
  writeSecret = unused;
  secretInfo = unused;
  grantSecret = unused;
  revokeSecret = unused;
  removeSecret = unused;
  secretIds = unused;
}

function numberOf(relationId: string): string {
  return relationId.slice(relationId.indexOf(':') + 1);
}

async function unused(): Promise<never> {
  throw new Error('no recorded hook called this tool');
}
