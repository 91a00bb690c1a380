/**
 * Many watches of one engine in one group, recorded and compared with the store's history, event by event, when all is over.
 * Writes what it needs to know that each watch has come to the end. Tests only.
 */
import type {
  Etcd,
  GroupBatch,
  GroupWatch,
  GroupWatchOptions,
  WatchEnd,
  WatchGroup,
  WatchGroupOptions,
} from 'etcd-vigil';
import { recordGroup } from '../support/engine-fixture.js';
import { eventually } from '../support/poll.js';
import type { RawEtcd } from '../support/raw-etcd.js';
import { WatchRecorder } from '../support/watch-recorder.js';
import { WatchTruth, type WatchedRange } from '../support/watch-truth.js';

const KEYS_PER_TXN = 100;

interface FleetWatch {
  readonly member: GroupWatch;
  readonly range: WatchedRange;
  readonly asked: bigint | undefined;
  /** A key in the range, written to see that the watch has come so far. */
  readonly sentinel: string;
  readonly ends: WatchEnd[];
}

export class WatchFleet {
  readonly group: WatchGroup;
  readonly recorder: WatchRecorder = new WatchRecorder();
  readonly watches: Map<bigint, FleetWatch> = new Map();
  #label = 0n;

  constructor(
    etcd: Etcd,
    options: Omit<WatchGroupOptions, 'onBatch' | 'onEnd'> = {},
    mode: 'callback' | 'iterate' = 'callback',
  ) {
    const record = recordGroup(this.recorder);
    this.group = etcd.watchGroup({
      ...options,
      ...(mode === 'callback' ? { onBatch: (batch: GroupBatch) => record(batch) } : undefined),
      onEnd: (member, end) => void this.watches.get(member.watchId)?.ends.push(end),
    });
  }

  /** Reads the group in a loop until it is over. For `'iterate'`. */
  async read(afterBatch: (batch: GroupBatch) => Promise<void>): Promise<void> {
    const record = recordGroup(this.recorder);
    for await (const batch of this.group) {
      record(batch);
      await afterBatch(batch);
    }
  }

  addKey(key: string, options: GroupWatchOptions = {}): GroupWatch {
    return this.add({ key: Buffer.from(key) }, key, options);
  }

  addPrefix(prefix: string, rangeEnd: Uint8Array, options: GroupWatchOptions = {}): GroupWatch {
    return this.add({ key: Buffer.from(prefix), rangeEnd }, `${prefix}~`, options);
  }

  add(range: WatchedRange, sentinel: string, options: GroupWatchOptions = {}): GroupWatch {
    this.#label += 1n;
    const key = Buffer.from(range.key);
    const asked = range.rangeEnd === undefined ? { key } : { from: key, to: Buffer.from(range.rangeEnd) };
    const watch: FleetWatch = {
      member: this.group.add(asked, { ...options, watchId: this.#label }),
      range,
      asked: options.startRevision,
      sentinel,
      ends: [],
    };
    this.watches.set(this.#label, watch);
    return watch.member;
  }

  get living(): FleetWatch[] {
    return [...this.watches.values()].filter(({ ends }) => ends.length === 0);
  }

  /** Writes into every living watch's range and waits until each has seen it. Gives the store's revision then. */
  async settle(raw: RawEtcd): Promise<bigint> {
    const living = this.living;
    const revisions = new Map<string, bigint>();
    const keys = [...new Set(living.map(({ sentinel }) => sentinel))];
    let last = 0n;
    for (let from = 0; from < keys.length; from += KEYS_PER_TXN) {
      const some = keys.slice(from, from + KEYS_PER_TXN);
      last = await raw.txn(some.map((key) => ({ kind: 'put', key, value: 'settled' })));
      for (const key of some) revisions.set(key, last);
    }
    const behind = (): FleetWatch[] =>
      living.filter(
        ({ member, sentinel, ends }) =>
          ends.length === 0 && this.recorder.lastRevision(member.watchId) < (revisions.get(sentinel) ?? 0n),
      );
    await eventually(() => behind().length === 0).catch(() => {
      const late = behind().map(
        ({ member, sentinel }) =>
          `${String(member.watchId)} at ${String(this.recorder.lastRevision(member.watchId))} of ${String(revisions.get(sentinel))}`,
      );
      throw new Error(`${String(late.length)} watches did not come to the end: ${late.slice(0, 5).join(', ')}`);
    });
    return last;
  }

  /** Every watch saw exactly what happened in its range from its start to `last`, or to where it ended. */
  async verify(raw: RawEtcd, last: bigint, history?: WatchTruth): Promise<void> {
    const starts = new Map<bigint, bigint>();
    for (const [label, watch] of this.watches) {
      const start = watch.asked ?? (await this.#startOf(label, watch));
      if (start !== undefined) starts.set(label, start);
    }
    const first = [...starts.values()].reduce((least, start) => (start < least ? start : least), last);
    const truth = history ?? new WatchTruth(await raw.history(first, last));
    const problems: string[] = [];
    for (const [label, { range, ends }] of this.watches) {
      const startRevision = starts.get(label);
      const end = ends[0];
      if (ends.length > 1) problems.push(`watch ${String(label)}: ended ${String(ends.length)} times`);
      if (startRevision === undefined) continue;
      const through = end === undefined ? last : (end.lastRevision ?? startRevision - 1n);
      problems.push(...this.recorder.problems(label, { truth, range, startRevision, through }));
    }
    if (problems.length > 0)
      throw new Error(`${String(problems.length)} problems:\n${problems.slice(0, 20).join('\n')}`);
  }

  /**
   * The revision from which a watch without a start of its own must have seen everything: what the server answered at its
   * creation is inclusive but mostly the revision before.
   */
  async #startOf(label: bigint, { member }: FleetWatch): Promise<bigint | undefined> {
    const created = await member.ready.catch(() => undefined);
    if (created === undefined) return undefined;
    return this.recorder.firstRevision(label) === created.startRevision
      ? created.startRevision
      : created.startRevision + 1n;
  }
}
