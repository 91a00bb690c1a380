/** The servers under comparison, each fresh and in a process of its own. */
import { readFileSync } from 'node:fs';
import { EtcdProcess } from '../../../test/support/etcd.js';
import { Child } from '../child.js';
import { currentRevision, RawClient } from '../protocol.js';
import type { FromServer, ToServer } from './messages.js';

export const SERVERS = ['etcd', 'embedded'] as const;
export type ServerName = (typeof SERVERS)[number];

export interface RunningServer {
  readonly endpoint: string;
  readonly firstAnswerMs: number;
  rssBytes(): Promise<number>;
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
    rssBytes: async () => rssOf(etcd.pid),
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
    rssBytes: async () => {
      child.send({ kind: 'memory' });
      return (await child.next('memory', START_TIMEOUT_MS)).rssBytes;
    },
    close: () => child.kill(),
  };
}

/** Linux only; elsewhere NaN, which the table shows as n/a. */
function rssOf(pid: number | undefined): number {
  try {
    const line = /^VmRSS:\s+(\d+) kB$/mu.exec(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
    return Number(line?.[1]) * 1_024;
  } catch {
    return Number.NaN;
  }
}
