/**
 * A promise that is made when it is asked for. Main thread. Thousands of watches and leases have outcomes that nobody
 * looks at; a promise for each would cost hundreds of bytes. Never causes an unhandledRejection.
 */
import type { EtcdError } from '../wire/errors.js';

type State<T> =
  | { readonly kind: 'pending' }
  | { readonly kind: 'resolved'; readonly value: T }
  | { readonly kind: 'rejected'; readonly error: EtcdError };

export class LatePromise<T> {
  #state: State<T> = { kind: 'pending' };
  #promise: Promise<T> | undefined;
  #settlers: { readonly resolve: (value: T) => void; readonly reject: (error: EtcdError) => void } | undefined;

  /** Whether it has been settled; settling again does nothing. */
  get settled(): boolean {
    return this.#state.kind !== 'pending';
  }

  get promise(): Promise<T> {
    this.#promise ??= this.#make();
    return this.#promise;
  }

  resolve(value: T): void {
    if (this.#state.kind !== 'pending') return;
    this.#state = { kind: 'resolved', value };
    this.#settlers?.resolve(value);
    this.#settlers = undefined;
  }

  reject(error: EtcdError): void {
    if (this.#state.kind !== 'pending') return;
    this.#state = { kind: 'rejected', error };
    this.#settlers?.reject(error);
    this.#settlers = undefined;
  }

  #make(): Promise<T> {
    const state = this.#state;
    switch (state.kind) {
      case 'resolved':
        return Promise.resolve(state.value);
      case 'rejected':
        return silenced(Promise.reject(state.error));
      case 'pending':
        return silenced(
          new Promise<T>((resolve, reject) => {
            this.#settlers = { resolve, reject };
          }),
        );
      default:
        return state satisfies never;
    }
  }
}

/** Marks a rejection as handled: whoever awaits the promise still gets it. */
function silenced<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
