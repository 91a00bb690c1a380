/**
 * Watchers, found by the key of a change, in groups that watch the very same key or range: what happens is collected, and
 * encoded, once a group. Server thread; pure.
 */
import type { KeySpan } from '../store/key-span.js';
import type { StoredValue } from '../store/stored-value.js';
import { IntervalTree } from './interval-tree.js';
import type { Watcher } from './watcher.js';

/** All watchers of one span, and the changes that they have not been told yet, in order. */
export interface SpanGroup {
  readonly watchers: Set<Watcher>;
  changes: StoredValue[];
}

export class WatcherIndex {
  readonly #byKey = new Map<string, SpanGroup>();
  readonly #ranges = new IntervalTree<SpanGroup>();

  add(watcher: Watcher): void {
    let group = this.#find(watcher.span);
    if (group === undefined) {
      group = { watchers: new Set(), changes: [] };
      if (watcher.span.kind === 'key') this.#byKey.set(watcher.span.key, group);
      else this.#ranges.add(watcher.span, group);
    }
    group.watchers.add(watcher);
  }

  delete(watcher: Watcher): void {
    const group = this.#find(watcher.span);
    if (group?.watchers.delete(watcher) !== true || group.watchers.size > 0) return;
    if (watcher.span.kind === 'key') this.#byKey.delete(watcher.span.key);
    else this.#ranges.delete(watcher.span);
  }

  /** The groups that watch a key. */
  visit(keyText: string, visit: (group: SpanGroup) => void): void {
    const group = this.#byKey.get(keyText);
    if (group !== undefined) visit(group);
    this.#ranges.visit(keyText, visit);
  }

  groupOf(watcher: Watcher): SpanGroup | undefined {
    return this.#find(watcher.span);
  }

  #find(span: KeySpan): SpanGroup | undefined {
    return span.kind === 'key' ? this.#byKey.get(span.key) : this.#ranges.get(span);
  }
}
