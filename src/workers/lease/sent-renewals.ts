/**
 * What a keep-alive stream has sent and not seen answered: a ring in send order. etcd answers a stream's renewals in
 * order, so the head is the one that is answered next and, when the stream ends with an error, the one that ended it;
 * behind a proxy answers may overtake each other, which costs a search. Pure.
 */

/** A renewal taken out of the ring. */
export interface SentRenewal {
  slot: number;
  /** Generation of the slot when it was sent: a slot may have a new lease by the time of the answer. */
  generation: number;
  sentMs: number;
}

const ANSWERED = -1;

export class SentRenewals {
  #slot: Int32Array;
  #generation: Uint32Array;
  #low: Int32Array;
  #high: Int32Array;
  #sentMs: Float64Array;
  #head = 0;
  /** Cells in use, answered out of order or not. */
  #length = 0;
  #unanswered = 0;

  constructor(capacity: number = 16) {
    this.#slot = new Int32Array(capacity);
    this.#generation = new Uint32Array(capacity);
    this.#low = new Int32Array(capacity);
    this.#high = new Int32Array(capacity);
    this.#sentMs = new Float64Array(capacity);
  }

  get unanswered(): number {
    return this.#unanswered;
  }

  add(slot: number, generation: number, low: number, high: number, sentMs: number): void {
    if (this.#length === this.#slot.length) this.#grow();
    const cell = (this.#head + this.#length) % this.#slot.length;
    this.#slot[cell] = slot;
    this.#generation[cell] = generation;
    this.#low[cell] = low;
    this.#high[cell] = high;
    this.#sentMs[cell] = sentMs;
    this.#length += 1;
    this.#unanswered += 1;
  }

  /** Takes out the oldest renewal of this id; false where there is none. */
  take(low: number, high: number, into: SentRenewal): boolean {
    const capacity = this.#slot.length;
    for (let i = 0; i < this.#length; i += 1) {
      const cell = (this.#head + i) % capacity;
      if (this.#slot[cell] === ANSWERED || this.#low[cell] !== low || this.#high[cell] !== high) continue;
      into.slot = this.#slot[cell] ?? 0;
      into.generation = this.#generation[cell] ?? 0;
      into.sentMs = this.#sentMs[cell] ?? 0;
      this.#slot[cell] = ANSWERED;
      this.#unanswered -= 1;
      this.#dropAnswered();
      return true;
    }
    return false;
  }

  /** Takes out everything, oldest first. */
  drain(): SentRenewal[] {
    const left: SentRenewal[] = [];
    for (let i = 0; i < this.#length; i += 1) {
      const cell = (this.#head + i) % this.#slot.length;
      const slot = this.#slot[cell] ?? ANSWERED;
      if (slot === ANSWERED) continue;
      left.push({ slot, generation: this.#generation[cell] ?? 0, sentMs: this.#sentMs[cell] ?? 0 });
    }
    this.#head = 0;
    this.#length = 0;
    this.#unanswered = 0;
    return left;
  }

  #dropAnswered(): void {
    while (this.#length > 0 && this.#slot[this.#head] === ANSWERED) {
      this.#head = (this.#head + 1) % this.#slot.length;
      this.#length -= 1;
    }
  }

  #grow(): void {
    const old = this.#slot.length;
    const unroll = <Column extends Int32Array | Uint32Array | Float64Array>(from: Column, to: Column): Column => {
      for (let i = 0; i < this.#length; i += 1) to[i] = from[(this.#head + i) % old] ?? 0;
      return to;
    };
    this.#slot = unroll(this.#slot, new Int32Array(2 * old));
    this.#generation = unroll(this.#generation, new Uint32Array(2 * old));
    this.#low = unroll(this.#low, new Int32Array(2 * old));
    this.#high = unroll(this.#high, new Int32Array(2 * old));
    this.#sentMs = unroll(this.#sentMs, new Float64Array(2 * old));
    this.#head = 0;
  }
}
