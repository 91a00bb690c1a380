/**
 * Brings what happens in the store to the watchers. Server thread.
 *
 * Synced watchers are told at the end of the turn of the event loop in which something changed, all changes of the turn at once.
 * A watcher whose stream takes no more, or that begins in the past, is unsynced: nothing is queued for it, it gets
 * its events from the store's history, a piece a turn, once its stream has room. So what waits in memory is bounded by
 * what one stream may have unsent.
 */
import type { KvStore } from '../store/kv-store.js';
import type { StoredValue } from '../store/stored-value.js';
import { GroupDelivery, MAX_REVISIONS_PER_ANSWER } from './delivery.js';
import type { WatchResponseEncoder } from './response-encoder.js';
import type { Watcher, WatchOutlet } from './watcher.js';
import { WatcherIndex, type SpanGroup } from './watcher-index.js';

/** At most so many watchers read the history together, as in etcd. */
const WATCHERS_PER_PASS = 512;
const REVISIONS_PER_PASS = 8192;
/** A pass ends with the revision that reaches this; above the limit of fragments, below the 4 MiB that many clients take. */
const BYTES_PER_PASS = 3 * 1024 * 1024;
/** Several revisions of one turn share an answer only as far as this. */
const LIVE_ANSWER_BYTES = 256 * 1024;
/** Keys and values are not all of an event. */
const EVENT_OVERHEAD_BYTES = 64;

export interface WatchHubParts {
  readonly store: KvStore;
  readonly encoder: WatchResponseEncoder;
  /** Runs something once, later in this turn of the event loop or in the next. Default: `setImmediate`. */
  readonly defer?: (run: () => void) => void;
}

export class WatchHub {
  readonly #store: KvStore;
  readonly #encoder: WatchResponseEncoder;
  readonly #defer: (run: () => void) => void;
  readonly #synced = new WatcherIndex();
  /** Those whose stream is writable; the others are parked there. In the order of their turns. */
  readonly #unsynced = new Set<Watcher>();
  readonly #dirty = new Set<SpanGroup>();
  #pendingRevisions = 0;
  #deferred = false;
  readonly #stopListening: () => void;

  constructor({ store, encoder, defer = setImmediate }: WatchHubParts) {
    this.#store = store;
    this.#encoder = encoder;
    this.#defer = defer;
    this.#stopListening = store.onChange((_revision, changes) => {
      this.#collect(changes);
    });
  }

  /** The store's current revision. */
  get revision(): number {
    return this.#store.revision;
  }

  /** Takes a new watcher. Its first events come later: the answer that it was created goes first. */
  add(watcher: Watcher): void {
    const { minRevision } = watcher;
    // As in etcd 3.5: a negative one counts as compacted, except for -1 before the first compaction.
    const fromNow = minRevision === 0 || (minRevision < 0 && minRevision >= this.#store.compactRevision);
    if (fromNow || minRevision > this.#store.revision) {
      watcher.minRevision = Math.max(minRevision, this.#store.revision + 1);
      this.#synced.add(watcher);
      return;
    }
    this.#fallBehind(watcher);
  }

  /** Forgets a watcher; what happened before is delivered first. */
  remove(watcher: Watcher): void {
    this.flush();
    this.forget(watcher);
  }

  /** Forgets a watcher of a stream that is gone. */
  forget(watcher: Watcher): void {
    if (watcher.state === 'synced') this.#synced.delete(watcher);
    else if (!this.#unsynced.delete(watcher)) watcher.outlet.parked.delete(watcher);
  }

  /** A stream takes messages again. */
  resume(outlet: WatchOutlet): void {
    for (const watcher of outlet.parked) this.#unsynced.add(watcher);
    outlet.parked.clear();
    if (this.#unsynced.size > 0) this.#deferRun();
  }

  /** Tells the synced watchers what they have not been told yet. */
  flush(): void {
    if (this.#dirty.size === 0) return;
    const groups = [...this.#dirty];
    this.#dirty.clear();
    this.#pendingRevisions = 0;
    for (const group of groups) this.#flushGroup(group);
  }

  close(): void {
    this.#stopListening();
  }

  #collect(changes: readonly StoredValue[]): void {
    for (const change of changes) {
      this.#synced.visit(change.keyText, (group) => {
        group.changes.push(change);
        this.#dirty.add(group);
      });
    }
    if (this.#dirty.size === 0) return;
    this.#pendingRevisions += 1;
    if (this.#pendingRevisions >= MAX_REVISIONS_PER_ANSWER) this.flush();
    else this.#deferRun();
  }

  #deferRun(): void {
    if (this.#deferred) return;
    this.#deferred = true;
    this.#defer(() => {
      this.#deferred = false;
      this.flush();
      this.#catchUp();
    });
  }

  #flushGroup(group: SpanGroup): void {
    const delivery = new GroupDelivery(this.#encoder, group, this.#valueBefore);
    const rules = { answerBytes: LIVE_ANSWER_BYTES, headerRevision: undefined };
    for (const watcher of group.watchers) {
      if (delivery.deliver(watcher, rules)) continue;
      this.#synced.delete(watcher);
      this.#fallBehind(watcher);
    }
    group.changes = [];
  }

  #fallBehind(watcher: Watcher): void {
    watcher.state = 'unsynced';
    if (watcher.outlet.writable) {
      this.#unsynced.add(watcher);
      this.#deferRun();
    } else {
      watcher.outlet.parked.add(watcher);
    }
  }

  /** One piece of the history, for those who are at the place where it begins. */
  #catchUp(): void {
    const chosen = this.#choose();
    const [first] = chosen;
    if (first !== undefined) {
      const groups = new WatcherIndex();
      for (const watcher of chosen) groups.add(watcher);
      const end = this.#readHistory(groups, first.minRevision);
      const deliveries = new Map<SpanGroup, GroupDelivery>();
      for (const watcher of chosen) {
        const group = groups.groupOf(watcher);
        if (group === undefined) continue;
        const delivery = deliveries.get(group) ?? new GroupDelivery(this.#encoder, group, this.#valueBefore);
        deliveries.set(group, delivery);
        this.#feed(watcher, delivery, end);
      }
    }
    if (this.#unsynced.size > 0) this.#deferRun();
  }

  /** The watchers of this pass. Whose stream takes nothing, and whose revision is compacted, is dealt with at once. */
  #choose(): Watcher[] {
    const chosen: Watcher[] = [];
    let seen = 0;
    for (const watcher of this.#unsynced) {
      seen += 1;
      if (seen > WATCHERS_PER_PASS) break;
      if (!watcher.outlet.writable) {
        this.#unsynced.delete(watcher);
        watcher.outlet.parked.add(watcher);
      } else if (watcher.minRevision < this.#store.compactRevision) {
        this.#unsynced.delete(watcher);
        this.#tellCompacted(watcher);
      } else {
        // Those who are behind the first one, or far ahead of it, wait for a pass that begins with them.
        const start = chosen[0]?.minRevision ?? watcher.minRevision;
        if (watcher.minRevision >= start && watcher.minRevision < start + REVISIONS_PER_PASS) chosen.push(watcher);
      }
    }
    return chosen;
  }

  /** Collects a piece of the history into the groups; gives the last revision in it. */
  #readHistory(groups: WatcherIndex, start: number): number {
    const end = Math.min(this.#store.revision, start + REVISIONS_PER_PASS - 1);
    let bytes = 0;
    for (let revision = start; revision <= end; revision += 1) {
      for (const change of this.#store.changesAt(revision)) {
        const changeBytes = change.key.length + change.value.length + EVENT_OVERHEAD_BYTES;
        groups.visit(change.keyText, (group) => {
          group.changes.push(change);
          bytes += changeBytes;
        });
      }
      if (bytes >= BYTES_PER_PASS) return revision;
    }
    return end;
  }

  /** @param end the last revision that the delivery holds. */
  #feed(watcher: Watcher, delivery: GroupDelivery, end: number): void {
    const rules = { answerBytes: BYTES_PER_PASS, headerRevision: this.#store.revision };
    this.#unsynced.delete(watcher);
    if (!delivery.deliver(watcher, rules)) {
      watcher.outlet.parked.add(watcher);
      return;
    }
    watcher.minRevision = end + 1;
    if (watcher.minRevision > this.#store.revision) {
      watcher.state = 'synced';
      this.#synced.add(watcher);
    } else {
      this.#unsynced.add(watcher);
    }
  }

  #tellCompacted(watcher: Watcher): void {
    watcher.state = 'compacted';
    // etcd leaves the revision out of this header, and does not say "canceled" when the compaction was to revision 0.
    const { compactRevision } = this.#store;
    const answer = { canceled: compactRevision !== 0, compactRevision };
    watcher.outlet.write(this.#encoder.control(0, watcher.id, answer));
  }

  readonly #valueBefore = (change: StoredValue): StoredValue | undefined => {
    const revision = change.modRevision - 1;
    return revision < this.#store.compactRevision ? undefined : this.#store.get(change.keyText, revision);
  };
}
