/**
 * Serves one streaming call on its HTTP/2 stream: the handler's view of it. What is written in one turn leaves as one
 * write: a change that a thousand watches see costs one system call a connection, not a thousand. Server thread.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { RpcFailure } from '../rpc-failure.js';
import type { StreamCall, StreamMethod } from '../services/service.js';
import type { HttpCallContext } from './call-context.js';
import { startDeadline } from './call-deadline.js';
import { answerHeaders, failureOf, failureTrailers, OK_TRAILERS } from './call-status.js';
import { frameOf, type FrameReader } from './message-frames.js';
import { refuseCall, resetUnlessEnded } from './unary-call.js';

/** More than this waiting for the client tells the handler to stop. */
const HIGH_WATER_BYTES = 256 * 1024;
/** So much leaves at once, without waiting for the turn's end. */
const FLUSH_BYTES = 64 * 1024;

const NOTHING = (): void => undefined;

/** Serves one call. */
export class HttpStreamCall implements StreamCall<Uint8Array, Uint8Array> {
  readonly context: HttpCallContext;
  readonly #stream: ServerHttp2Stream;
  readonly #reader: FrameReader;
  readonly #stopDeadline: () => void;
  #state: 'open' | 'ended' | 'closed' = 'open';
  #requestRun: (request: Uint8Array) => void = NOTHING;
  #halfCloseRun: () => void = NOTHING;
  #closedRun: () => void = NOTHING;
  #drainRun: () => void = NOTHING;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #flushing = false;
  #wantsDrain = false;

  constructor(stream: ServerHttp2Stream, reader: FrameReader, context: HttpCallContext, limitMs: number | undefined) {
    this.#stream = stream;
    this.#reader = reader;
    this.context = context;
    this.#stopDeadline = startDeadline(limitMs, (failure) => {
      this.end(failure);
    });
  }

  /** Starts the handler and lets the client's messages come. */
  serve(method: StreamMethod): void {
    this.#guarded(() => {
      method.open(this);
    });
    this.#stream.on('data', (chunk: Buffer) => {
      this.#guarded(() => {
        for (const message of this.#reader.read(chunk)) if (this.#state === 'open') this.#requestRun(message);
      });
    });
    this.#stream.on('end', () => {
      this.#guarded(this.#halfCloseRun);
    });
    this.#stream.on('drain', () => {
      if (!this.#wantsDrain || this.#state !== 'open') return;
      this.#wantsDrain = false;
      this.#guarded(this.#drainRun);
    });
    this.#stream.on('close', () => {
      this.#close();
    });
  }

  onRequest(run: (request: Uint8Array) => void): void {
    this.#requestRun = run;
  }

  onHalfClose(run: () => void): void {
    this.#halfCloseRun = run;
  }

  onClosed(run: () => void): void {
    this.#closedRun = run;
  }

  onDrain(run: () => void): void {
    this.#drainRun = run;
  }

  pauseRequests(): void {
    this.#stream.pause();
  }

  resumeRequests(): void {
    this.#stream.resume();
  }

  write(message: Uint8Array): boolean {
    return this.writeEncoded(message);
  }

  writeEncoded(bytes: Uint8Array): boolean {
    if (this.#state !== 'open' || this.#stream.destroyed) return true;
    const frame = frameOf(bytes, this.#reader.encoding);
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
    if (this.#pendingBytes >= FLUSH_BYTES) this.#flush();
    else if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    this.#wantsDrain ||= this.#pendingBytes + this.#stream.writableLength > HIGH_WATER_BYTES;
    return !this.#wantsDrain;
  }

  end(failure?: RpcFailure): void {
    if (this.#state !== 'open') return;
    this.#flush();
    this.#state = 'ended';
    const stream = this.#stream;
    if (!stream.destroyed) {
      if (!stream.headersSent && failure !== undefined) refuseCall(stream, failure);
      else {
        const trailers = failure === undefined ? OK_TRAILERS : failureTrailers(failure);
        this.#respond();
        stream.once('wantTrailers', () => {
          stream.sendTrailers(trailers);
          resetUnlessEnded(stream);
        });
        stream.end();
      }
    }
    this.#close();
  }

  cut(): void {
    this.#pending = [];
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    this.#close();
  }

  #respond(): void {
    if (!this.#stream.headersSent)
      this.#stream.respond(answerHeaders(this.#reader.encoding), { waitForTrailers: true });
  }

  #flush(): void {
    if (this.#pending.length === 0 || this.#state !== 'open' || this.#stream.destroyed) return;
    const [only] = this.#pending;
    const bytes = this.#pending.length === 1 && only !== undefined ? only : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#respond();
    this.#stream.write(bytes);
  }

  /** What a callback of the handler throws ends the call, and nothing else. */
  #guarded(run: () => void): void {
    if (this.#state !== 'open') return;
    try {
      run();
    } catch (thrown) {
      this.end(failureOf(thrown));
    }
  }

  #close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stopDeadline();
    this.context.abort();
    this.#closedRun();
  }
}
