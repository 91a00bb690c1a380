/**
 * Serves one unary call on its HTTP/2 stream. Server thread.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import { GrpcStatus } from '../../wire/server-errors.js';
import { RpcFailure } from '../rpc-failure.js';
import type { UnaryMethod } from '../services/service.js';
import type { HttpCallContext } from './call-context.js';
import { startDeadline } from './call-deadline.js';
import { ANSWER_HEADERS, answerHeaders, failureOf, failureTrailers, OK_TRAILERS } from './call-status.js';
import { frameOf, type FrameReader } from './message-frames.js';

/** What a call is served with. */
export interface UnaryParts {
  readonly stream: ServerHttp2Stream;
  readonly reader: FrameReader;
  readonly context: HttpCallContext;
  readonly limitMs: number | undefined;
}

/** Runs the method when its request is complete, and answers once. */
export function serveUnary(method: UnaryMethod, { stream, reader, context, limitMs }: UnaryParts): void {
  let state: 'reading' | 'running' | 'answered' = 'reading';
  let stopDeadline = (): void => undefined;

  const refuse = (failure: RpcFailure): void => {
    if (state === 'answered') return;
    state = 'answered';
    stopDeadline();
    refuseCall(stream, failure);
  };
  const answer = (message: Uint8Array): void => {
    if (state === 'answered') return;
    state = 'answered';
    stopDeadline();
    if (stream.destroyed) return;
    stream.respond(answerHeaders(reader.encoding), { waitForTrailers: true });
    stream.once('wantTrailers', () => {
      stream.sendTrailers(OK_TRAILERS);
    });
    stream.end(frameOf(message, reader.encoding));
  };
  const run = (request: Buffer): void => {
    state = 'running';
    const result = method.run(request, context);
    if (!(result instanceof Promise)) {
      answer(result);
      return;
    }
    result.then(answer, (thrown: unknown) => {
      refuse(failureOf(thrown));
    });
  };

  stopDeadline = startDeadline(limitMs, (failure) => {
    refuse(failure);
    context.abort();
  });
  stream.on('data', (chunk: Buffer) => {
    // The message is all that counts; what a client sends after it is read and forgotten.
    if (state !== 'reading') return;
    try {
      const [request] = reader.read(chunk);
      if (request !== undefined) run(request);
    } catch (thrown) {
      refuse(failureOf(thrown));
    }
  });
  stream.on('end', () => {
    if (state === 'reading') refuse(new RpcFailure(GrpcStatus.INTERNAL, 'grpc: the request ended before its message'));
  });
  stream.on('close', () => {
    if (state === 'answered') return;
    state = 'answered';
    stopDeadline();
    context.abort();
  });
}

/** Answers with a status alone. */
export function refuseCall(stream: ServerHttp2Stream, failure: RpcFailure): void {
  if (stream.destroyed) return;
  stream.respond({ ...ANSWER_HEADERS, ...failureTrailers(failure) }, { endStream: true });
  // What the client still sends is thrown away, so that its flow control does not hold the connection up.
  stream.resume();
  resetUnlessEnded(stream);
}

/** A client that has not half-closed would keep the stream open. A reset overtakes an end that has not left. */
export function resetUnlessEnded(stream: ServerHttp2Stream): void {
  setImmediate(() => {
    if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  });
}
