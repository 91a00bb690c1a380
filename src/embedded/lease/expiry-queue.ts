/**
 * When leases are due, earliest first: a binary heap. Pure. An entry is not moved when its lease is renewed; whoever takes a
 * due one looks at the lease itself and puts it back if it has time left. So a renewal costs nothing here.
 */

export interface ExpiryEntry {
  readonly dueMs: number;
}

export class ExpiryQueue<Entry extends ExpiryEntry> {
  readonly #heap: Entry[] = [];

  get size(): number {
    return this.#heap.length;
  }

  add(entry: Entry): void {
    const heap = this.#heap;
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || above.dueMs <= entry.dueMs) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = entry;
  }

  /** Takes the earliest entry if it is due. */
  takeDue(nowMs: number): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts an entry in the place of the first one and lets it sink. */
  #sink(entry: Entry): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      const left = heap[2 * place + 1];
      const right = heap[2 * place + 2];
      const child = right !== undefined && left !== undefined && right.dueMs < left.dueMs ? right : left;
      if (child === undefined || child.dueMs >= entry.dueMs) break;
      heap[place] = child;
      place = child === right ? 2 * place + 2 : 2 * place + 1;
    }
    heap[place] = entry;
  }
}
