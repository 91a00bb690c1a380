/** The servers under comparison, each fresh and in a process of its own. */
import { readFileSync } from 'node:fs';
import { EtcdProcess } from '../../../test/support/etcd.js';
import { Child } from '../child.js';
import { currentRevision, RawClient } from '../protocol.js';
import type { FromServer, ToServer, Usage } from './messages.js';

export const SERVERS = ['etcd', 'embedded'] as const;
export type ServerName = (typeof SERVERS)[number];

export interface RunningServer {
  readonly endpoint: string;
  readonly firstAnswerMs: number;
  usage(): Promise<Usage>;
  close(): Promise<void>;
}

const START_TIMEOUT_MS = 30_000;

export async function startServer(name: ServerName): Promise<RunningServer> {
  return name === 'etcd' ? startEtcd() : startEmbedded();
}

/** Without fsync, where it knows `--unsafe-no-fsync`. */
async function startEtcd(): Promise<RunningServer> {
  const started = performance.now();
  const etcd = await EtcdProcess.start({ quiet: true });
  const client = new RawClient(etcd.endpoint);
  await currentRevision(client);
  const firstAnswerMs = performance.now() - started;
  client.close();
  return {
    endpoint: etcd.endpoint,
    firstAnswerMs,
    usage: async () => usageOf(etcd.pid),
    close: () => etcd.close(),
  };
}

async function startEmbedded(): Promise<RunningServer> {
  const child = new Child<ToServer, FromServer>('the embedded server', new URL('server-process.js', import.meta.url));
  child.send({ kind: 'start' });
  const { endpoint, firstAnswerMs } = await child.next('started', START_TIMEOUT_MS);
  return {
    endpoint,
    firstAnswerMs,
    usage: async () => {
      child.send({ kind: 'usage' });
      return (await child.next('usage', START_TIMEOUT_MS)).usage;
    },
    close: () => child.kill(),
  };
}

/** Clock ticks of Linux's /proc. */
const TICK_MS = 10;

/** Linux only; elsewhere NaN, which the table shows as n/a. */
function usageOf(pid: number | undefined): Usage {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
    // Fields 14 and 15, counted from behind the name, which may have spaces.
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8')
      .replace(/^.*\) /u, '')
      .split(' ');
    return { rssBytes: Number(line?.[1]) * 1_024, cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS };
  } catch {
    return { rssBytes: Number.NaN, cpuMs: Number.NaN };
  }
}
