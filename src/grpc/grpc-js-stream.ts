/**
 * One gRPC call over grpc-js: the same contract as http2-stream.ts. Any thread. grpc-js has copied each message
 * out already, and reads ahead a few messages beyond the flow-control window of a paused stream.
 */
import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';
import { toEtcdError, type EtcdError } from '../wire/errors.js';
import type { GrpcStream, StreamHandlers } from './grpc-connection.js';
import { grpcJsError } from './grpc-js-status.js';

const PREFIX_BYTES = 5;

type State =
  | { readonly kind: 'open' }
  /** The server ended OK; messages may still be unread. */
  | { readonly kind: 'finished' }
  /** The owner was told, or has cancelled. */
  | { readonly kind: 'over' };

export class GrpcJsStream implements GrpcStream {
  readonly #call: ClientDuplexStream<Buffer, Buffer>;
  readonly #handlers: StreamHandlers;
  readonly #endpoint: string;
  readonly #released: (stream: GrpcJsStream) => void;
  #state: State = { kind: 'open' };

  /** `released` is called once, when the call takes no place any more; after the handlers were told. */
  constructor(
    call: ClientDuplexStream<Buffer, Buffer>,
    handlers: StreamHandlers,
    endpoint: string,
    released: (stream: GrpcJsStream) => void,
  ) {
    this.#call = call;
    this.#handlers = handlers;
    this.#endpoint = endpoint;
    this.#released = released;
    call.on('data', (message: Buffer) => this.#read(message));
    call.on('status', (status: StatusObject) => this.#onStatus(status));
    call.on('end', () => {
      if (this.#state.kind === 'finished') this.#end(undefined);
    });
    // 'status' says the same; without a listener the error would end the process.
    call.on('error', () => undefined);
  }

  write(framed: Uint8Array): void {
    if (this.#state.kind !== 'open') return;
    const bytes = Buffer.from(framed.buffer, framed.byteOffset, framed.byteLength);
    for (let at = 0; at + PREFIX_BYTES <= bytes.length;) {
      const end = at + PREFIX_BYTES + bytes.readUInt32BE(at + 1);
      this.#call.write(bytes.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
  }

  /** Sends the last message of this side. */
  finish(framed: Uint8Array): void {
    this.write(framed);
    if (this.#state.kind === 'open') this.#call.end();
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  cancel(): void {
    if (this.#state.kind === 'over') return;
    this.#state = { kind: 'over' };
    this.#call.cancel();
    this.#released(this);
  }

  /** Ends the call from outside, such as when the connection broke. */
  endWith(error: EtcdError): void {
    this.#end(error);
  }

  #read(message: Buffer): void {
    if (this.#state.kind === 'over') return;
    try {
      this.#handlers.onMessage(message, 0, message.length);
    } catch (thrown) {
      this.#end(toEtcdError(thrown));
    }
  }

  #onStatus(status: StatusObject): void {
    if (this.#state.kind !== 'open') return;
    const error = grpcJsError(status, this.#endpoint);
    // After an OK the messages still unread come first; 'end' follows them.
    if (error === undefined && !this.#call.readableEnded) this.#state = { kind: 'finished' };
    else this.#end(error);
  }

  #end(error: EtcdError | undefined): void {
    if (this.#state.kind === 'over') return;
    this.#state = { kind: 'over' };
    this.#call.cancel();
    this.#handlers.onEnd(error);
    this.#released(this);
  }
}
