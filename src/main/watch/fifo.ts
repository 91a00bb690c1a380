/** A queue of values: adding and taking cost the same however long it is. Pure. */

/** So many taken places are left at the front before the rest is moved together, and only when they are half of all. */
const MIN_GAP = 1024;

export class Fifo<Value> {
  #values: Value[] = [];
  #head = 0;

  get length(): number {
    return this.#values.length - this.#head;
  }

  get first(): Value | undefined {
    return this.#values[this.#head];
  }

  get last(): Value | undefined {
    return this.#head === this.#values.length ? undefined : this.#values.at(-1);
  }

  push(value: Value): void {
    this.#values.push(value);
  }

  /** Takes the oldest; undefined when there is none. */
  shift(): Value | undefined {
    if (this.#head === this.#values.length) return undefined;
    const value = this.#values[this.#head];
    this.#head += 1;
    if (this.#head === this.#values.length) this.clear();
    else if (this.#head >= MIN_GAP && this.#head * 2 >= this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  /** From the oldest on. */
  forEach(visit: (value: Value) => void): void {
    for (let index = this.#head; index < this.#values.length; index += 1) visit(this.#values[index] as Value); // within it
  }

  clear(): void {
    this.#values = [];
    this.#head = 0;
  }
}
