/** A burst of events at a consumer that reads nothing, in a process of its own, with its memory measured. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { expect } from 'vitest';
import type { EtcdProcess } from '../support/etcd.js';
import { LoadWriter } from '../support/load-writer.js';

export interface MemoryCase {
  readonly mode: 'unread' | 'blocked';
  readonly onLag: 'pause' | 'fail';
  readonly shards: number;
  readonly events: number;
  readonly valueBytes: number;
  readonly burstMs: number;
  /** Whether the bound holds while all is read as fast as it comes, too: not with large values, which V8 collects late. */
  readonly readsWithinBound: boolean;
  /** For `blocked`. */
  readonly blockMs?: number;
}

interface Told {
  readonly kind: 'ready' | 'figures' | 'read' | 'ended';
  readonly baseline: number;
  readonly peak: number;
  readonly unreadPeak: number;
  readonly events: number;
  readonly problems: readonly string[];
  readonly queuedBytes?: number;
  readonly laggingWatchers?: number;
  readonly reason?: string;
  readonly code?: string;
}

const MiB = 2 ** 20;
const KEYS_PER_REVISION = 20;
/** Defaults of the options: budgetBytes of a watch, creditBytes of a shard, streamWindowBytes of its two lanes. */
const BUDGET_BYTES = 4 * MiB;
const CREDIT_BYTES = 8 * MiB;
const WINDOW_BYTES = 4 * MiB;
const SLACK_BYTES = 64 * MiB;

/** What the memory may grow by: the stated bound and 64 MiB. */
export function boundBytes(shards: number, valueBytes: number): number {
  const revisionBytes = KEYS_PER_REVISION * (valueBytes + 100);
  return BUDGET_BYTES + shards * (CREDIT_BYTES + 2 * (WINDOW_BYTES + revisionBytes)) + SLACK_BYTES;
}

export async function memoryCase(server: EtcdProcess, prefix: string, what: MemoryCase): Promise<void> {
  const { mode, onLag, shards, events, valueBytes, burstMs, readsWithinBound, blockMs = 0 } = what;
  const instructions = JSON.stringify({ endpoint: server.endpoint, prefix, mode, onLag, shards, blockMs });
  const child = fork(new URL('memory-child.js', import.meta.url), [instructions], { execArgv: ['--expose-gc'] });
  const told: Told[] = [];
  child.on('message', (message) => void told.push(message as Told)); // memory-child.ts sends nothing else
  const next = async (kind: Told['kind']): Promise<Told> => {
    for (;;) {
      const found = told.find((message) => message.kind === kind);
      if (found !== undefined) {
        told.splice(told.indexOf(found), 1);
        return found;
      }
      if (child.exitCode !== null) throw new Error(`the measured process ended with ${String(child.exitCode)}`);
      await Promise.race([once(child, 'message'), once(child, 'exit')]);
    }
  };
  const writes = events / KEYS_PER_REVISION;
  let load: LoadWriter | undefined;
  try {
    await next('ready');
    load = LoadWriter.start({
      address: server.address,
      writes,
      writesPerSecond: (writes / burstMs) * 1_000,
      prefix,
      keys: 1_000,
      keysPerRevision: KEYS_PER_REVISION,
      valueBytes,
    });
    const { lastRevision, elapsedMs } = await load.report;
    child.send({ kind: 'figures' });
    const before = await next('figures');
    const grown = before.unreadPeak - before.baseline;
    const bound = boundBytes(shards, valueBytes);
    process.stderr.write(
      `${mode}, ${onLag}, ${String(shards)} shards: ${String(events)} events in ${(elapsedMs / 1_000).toFixed(1)} s; ` +
        `rss grew by ${(grown / MiB).toFixed(1)} MiB over ${(before.baseline / MiB).toFixed(0)} MiB (bound ${(bound / MiB).toFixed(0)} MiB), ` +
        `${String(before.queuedBytes)} bytes queued\n`,
    );
    expect(grown).toBeLessThan(bound);
    if (mode === 'unread' && onLag === 'fail') {
      expect(before.laggingWatchers).toBe(0);
      // Its end comes when what was queued before has been read.
      child.send({ kind: 'read', until: String(2n ** 62n) });
      expect(await next('ended')).toMatchObject({ reason: 'failed', code: 'lagging' });
    } else {
      if (mode === 'unread') expect(before.laggingWatchers).toBe(1);
      const started = performance.now();
      child.send({ kind: 'read', until: lastRevision });
      const after = await next('read');
      process.stderr.write(
        `read ${String(after.events)} events in ${((performance.now() - started) / 1_000).toFixed(1)} s, rss then grew by ${((after.peak - after.baseline) / MiB).toFixed(1)} MiB\n`,
      );
      expect(after.problems).toEqual([]);
      expect(after.events).toBe(events);
      if (readsWithinBound) expect(after.peak - after.baseline).toBeLessThan(bound);
    }
    child.send({ kind: 'close' });
    if (child.exitCode === null) await once(child, 'exit');
    expect(child.exitCode).toBe(0);
  } finally {
    load?.stop();
    child.kill('SIGKILL');
  }
}
