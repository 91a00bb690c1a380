/**
 * What the caller's thread and the server's thread say to each other: structured clones, in order. Types only.
 */
import type { PlainError } from '../wire/errors.js';
import type { FaultCommand, FaultResult } from './faults/fault.js';
import type { ListenAddress, ServerTls } from './transport/server-socket.js';

/** The thread's `workerData`: checked options. */
export interface ServerStart {
  readonly addresses: readonly ListenAddress[];
  readonly tls: ServerTls | undefined;
  readonly clock: 'system' | 'manual';
  readonly progressIntervalMs: number;
  readonly maxRequestBytes: number;
  readonly initialData: readonly (readonly [Uint8Array, Uint8Array])[];
}

/** Something to do; each is answered once, with the same id. */
export type ServerCommand =
  | { readonly kind: 'close' }
  | { readonly kind: 'advance'; readonly byMs: number }
  | { readonly kind: 'faults'; readonly command: FaultCommand };

/** To the thread. */
export interface ServerRequest {
  readonly id: number;
  readonly command: ServerCommand;
}

/** From the thread: first `ready` or `failed`, then answers. */
export type ServerReport =
  | { readonly kind: 'ready'; readonly endpoints: readonly string[] }
  | { readonly kind: 'failed'; readonly error: PlainError }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly error: PlainError | undefined;
      /** What a fault command gives. */
      readonly value?: FaultResult;
    };
