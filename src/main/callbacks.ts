/**
 * How the application's functions are called: nowhere else, so that none of them can throw into what called it. Main thread.
 *
 * A listener is only told something, and its failure concerns nobody here: it is reported as an uncaught exception, in a later
 * turn, as EventTarget does. A consumer's callback (`onBatch`, `onEnd`) is part of a watch or a group: its failure ends that.
 */

/** Whatever listeners give back: a promise is not waited for, and its rejection is reported like a throw. */
type ListenerResult = unknown;

/** Calls a listener, guarded. */
export function tell<Event>(listener: (event: Event) => ListenerResult, event: Event): void {
  callGuarded(() => listener(event), reportUncaught);
}

/**
 * Calls a consumer's callback. True where it is done when this returns; otherwise `onDone` or `onFailed` is called later, once.
 * `onFailed` is called at once, and false returned, where it throws.
 */
export function callGuarded(
  call: () => unknown,
  onFailed: (thrown: unknown) => void,
  onDone: () => void = () => undefined,
): boolean {
  try {
    const result = call();
    if (!isThenable(result)) return true;
    // Made a promise of this realm first: it settles once, and a `then` that throws rejects it.
    Promise.resolve(result).then(onDone, onFailed);
  } catch (thrown) {
    onFailed(thrown);
  }
  return false;
}

/** The listeners for one kind of event. Each addition counts for itself, also of a function that was added before. */
export class Listeners<Event> {
  readonly #entries = new Set<{ readonly listener: (event: Event) => ListenerResult }>();

  get size(): number {
    return this.#entries.size;
  }

  /** Tells it from the next event on, until the function it gives is called. */
  add(listener: (event: Event) => ListenerResult): () => void {
    const entry = { listener };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  /** Tells all that listen now; one that is removed meanwhile by another is not told any more. */
  tell(event: Event): void {
    if (this.#entries.size === 0) return;
    for (const entry of Array.from(this.#entries)) if (this.#entries.has(entry)) tell(entry.listener, event);
  }
}

/** What was thrown, in a word; whatever it is, naming it does not throw again. */
export function nameOfThrown(thrown: unknown): string {
  try {
    const name: unknown = thrown instanceof Error ? thrown.name : typeof thrown;
    return typeof name === 'string' ? name : 'Error';
  } catch {
    return 'object';
  }
}

function reportUncaught(thrown: unknown): void {
  process.nextTick(() => {
    throw thrown;
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
