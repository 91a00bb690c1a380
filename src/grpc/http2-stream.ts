/**
 * One gRPC call on one HTTP/2 stream: turns node:http2's events into messages and one end. Any thread. Never
 * retries; knows nothing of etcd. The connection that opened it must tell it (`endWith`) when the session breaks.
 *
 * How a call ends is decided in one place, the `close` of the HTTP/2 stream, since `end` and `trailers` come in either
 * order; the exceptions, which end it at once and reset it, are a refused answer, a bad frame and a handler that throws.
 */
import type { ClientHttp2Stream } from 'node:http2';
import { EtcdError, toEtcdError } from '../wire/errors.js';
import { FrameSplitter } from './frame-splitter.js';
import type { GrpcStream, StreamHandlers } from './grpc-connection.js';
import { Http2Code, notStarted, rstError } from './http2-errors.js';
import { judgeHeaders, judgeTrailers, type ResponseHeaders } from './response-status.js';

const FLAG_END_STREAM = 0x1;

/** What a stream needs from its connection. */
export interface StreamOwner {
  /** The endpoint as configured, for error messages. */
  readonly endpointText: string;
  readonly maxMessageBytes: number;
  /** The HTTP/2 stream is gone: its place is free. Called once. */
  released(stream: Http2Stream): void;
  /** True once the session was destroyed: what became of its streams is not their own fault. */
  sessionIsGone(): boolean;
  /** This stream broke because the session did: the owner ends itself and all its streams. */
  sessionBroke(cause: Error | undefined): void;
}

type State =
  /** No answer yet. */
  | { readonly kind: 'asked' }
  /** Headers were fine: messages and trailers follow. */
  | { readonly kind: 'answering' }
  /** The server's last word is known; messages before it may still be unread. */
  | { readonly kind: 'judged'; readonly verdict: EtcdError | undefined }
  /** The owner was told, or has cancelled. */
  | { readonly kind: 'over' };

export class Http2Stream implements GrpcStream {
  readonly #http2: ClientHttp2Stream;
  readonly #owner: StreamOwner;
  readonly #handlers: StreamHandlers;
  readonly #splitter: FrameSplitter;
  #state: State = { kind: 'asked' };
  #failure: Error | undefined;
  #readToEnd = false;
  /** At the end of the answer the peer had closed the stream, so the RST_STREAM code is its own. */
  #closedByPeer = false;
  /** Set while the splitter hands out messages of one chunk: pause must then stop it, not only the HTTP/2 stream. */
  #splitting = false;

  constructor(http2: ClientHttp2Stream, handlers: StreamHandlers, owner: StreamOwner) {
    this.#http2 = http2;
    this.#owner = owner;
    this.#handlers = handlers;
    this.#splitter = new FrameSplitter(handlers, owner.maxMessageBytes, owner.endpointText);
    http2.on('response', (headers: ResponseHeaders, flags: number) => this.#onResponse(headers, flags));
    http2.on('trailers', (trailers: ResponseHeaders) => this.#onTrailers(trailers));
    http2.on('end', () => this.#onEnd());
    http2.on('close', () => this.#onClose());
    // RST_STREAM and session failures come as 'error' and then 'close'; without a listener they would end the process.
    http2.on('error', (error: Error) => {
      this.#failure ??= error;
    });
    // The request could not be sent at all, such as when GOAWAY overtook a request still queued.
    http2.on('frameError', (_type: number, code: number) => {
      this.#failure ??= notStarted(
        `a request to ${owner.endpointText} could not be sent (HTTP/2 code ${String(code)})`,
        owner.endpointText,
      );
    });
  }

  write(framed: Uint8Array): void {
    if (this.#state.kind !== 'over' && this.#http2.writable) this.#http2.write(framed);
  }

  /** Sends the last message of this side. */
  finish(framed: Uint8Array): void {
    if (this.#state.kind !== 'over' && this.#http2.writable) this.#http2.end(framed);
  }

  pause(): void {
    if (this.#splitting) this.#splitter.halt();
    this.#http2.pause();
  }

  resume(): void {
    this.#splitter.unhalt();
    this.#http2.resume();
  }

  cancel(): void {
    if (this.#state.kind === 'over') return;
    this.#state = { kind: 'over' };
    this.#reset();
  }

  /** Ends the call from outside, such as when the connection broke. A verdict of the server's that is known outranks it. */
  endWith(error: EtcdError): void {
    const state = this.#state;
    const known = state.kind === 'judged' && (this.#readToEnd || state.verdict !== undefined);
    this.#end(known ? state.verdict : error);
  }

  #onResponse(headers: ResponseHeaders, flags: number): void {
    if (this.#state.kind !== 'asked') return;
    const last = (flags & FLAG_END_STREAM) !== 0;
    const verdict = judgeHeaders(headers, last, this.#owner.endpointText);
    if (verdict === 'go-on') {
      this.#state = { kind: 'answering' };
    } else if (last) {
      this.#state = { kind: 'judged', verdict };
    } else {
      this.#end(verdict);
      return;
    }
    // Only from here on: bytes may arrive before 'response' is emitted, and an HTML page is not to be read as frames.
    this.#http2.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  #onTrailers(trailers: ResponseHeaders): void {
    if (this.#state.kind !== 'answering') return;
    this.#state = { kind: 'judged', verdict: judgeTrailers(trailers, this.#owner.endpointText) };
  }

  /** The hot path: once for each DATA frame, which is mostly one message. */
  #read(chunk: Buffer): void {
    if (this.#state.kind === 'over') return;
    this.#splitting = true;
    try {
      const taken = this.#splitter.push(chunk);
      if (taken < chunk.length) this.#putBack(chunk, taken);
    } catch (thrown) {
      this.#end(toEtcdError(thrown));
    }
    this.#splitting = false;
  }

  /** The handler paused or cancelled in the middle of a chunk. */
  #putBack(chunk: Buffer, taken: number): void {
    if (this.#isOver()) return;
    this.#splitter.unhalt();
    this.#http2.unshift(chunk.subarray(taken));
  }

  #onEnd(): void {
    // The server has said everything, and all of it was read; 'close' follows, after 'trailers'. If this side is still
    // open, it has nothing left to say to a call that is over.
    this.#readToEnd = true;
    this.#closedByPeer = this.#http2.closed;
    // A side that has finished closes by itself: a reset besides counts against the client, at servers on Node with a GOAWAY
    // after a thousand.
    if (!this.#http2.writableFinished) this.#reset();
  }

  #onClose(): void {
    const state = this.#state;
    const judged = state.kind === 'judged' && (this.#readToEnd || state.verdict !== undefined);
    if (state.kind !== 'over' && !judged && !(this.#failure instanceof EtcdError) && this.#owner.sessionIsGone()) {
      // Before `released`: this stream must still be among those that the owner tells.
      this.#owner.sessionBroke(this.#failure);
    }
    this.#owner.released(this);
    // A message broken off outranks an OK.
    if (judged) this.#end(state.verdict ?? this.#splitter.end());
    else if (this.#failure instanceof EtcdError) this.#end(this.#failure);
    else if (!this.#isOver()) this.#end(this.#unfinished());
  }

  /** The stream is closed, the session is not, and no verdict came. */
  #unfinished(): EtcdError {
    const endpoint = this.#owner.endpointText;
    const rstCode = this.#http2.rstCode;
    if (!this.#readToEnd || (this.#closedByPeer && rstCode !== Http2Code.NO_ERROR)) return rstError(rstCode, endpoint);
    const brokenOff = this.#splitter.end();
    if (brokenOff !== undefined) return brokenOff;
    return (this.#closedByPeer ? undefined : judgeTrailers(undefined, endpoint)) ?? rstError(rstCode, endpoint);
  }

  #end(error: EtcdError | undefined): void {
    if (this.#isOver()) return;
    this.#state = { kind: 'over' };
    this.#reset();
    this.#handlers.onEnd(error);
  }

  /** Resets the HTTP/2 stream, unless it is closed: a call that is only half-closed would live on at the server. */
  #reset(): void {
    this.#splitter.halt();
    if (!this.#http2.closed) this.#http2.close(Http2Code.CANCEL);
  }

  /** A method, since handlers called in between may have changed the state. */
  #isOver(): boolean {
    return this.#state.kind === 'over';
  }
}
