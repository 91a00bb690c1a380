/**
 * What a gRPC service is to the listener: a name and methods that take and give encoded messages. The one seam between the
 * services and the transport, so neither knows the other. Server thread; pure.
 */
import { RpcFailure } from '../rpc-failure.js';
import { GrpcStatus } from '../../wire/server-errors.js';

/** What a handler may know of a call beside its message. */
export interface CallContext {
  /** The auth token of the metadata (`token`, else `authorization`), as it was sent. */
  readonly token: string | undefined;
  /** The metadata asks (`hasleader: true`) that the call fails while there is no leader. */
  readonly hasLeader: boolean;
  /** The common name of the client's certificate, where one was verified. */
  readonly certificateName: string | undefined;
  /** Fires when the call ends before its answer: cancelled, past its deadline, connection lost. */
  readonly signal: AbortSignal;
  /** The address of the listener that took the call. */
  readonly endpoint: string;
  /** What the call came over. */
  readonly connection: ClientConnection;
}

/** A client's connection, for faults. */
export interface ClientConnection {
  /** Destroys the socket: every call on it is lost, and the client is told nothing. */
  cut(): void;
  /** Tells the client to open no more calls here; those that are open go on. */
  goAway(): void;
}

/**
 * Answers one request. It should run to its end without awaiting anything where it can: that is what makes the server
 * linearizable. Throws an RpcFailure to refuse.
 */
export type UnaryHandler<Request, Response> = (
  request: Request,
  call: CallContext,
  requestBytes: number,
) => Response | Promise<Response>;

/** One call of a streaming method, from the handler's side. Each callback is set once, before the handler returns. */
export interface StreamCall<Request, Response> {
  readonly context: CallContext;
  /** Each message of the client, in order. What the callback throws ends the call. */
  onRequest(run: (request: Request) => void): void;
  /** The client will send no more. */
  onHalfClose(run: () => void): void;
  /** The call is over, whoever ended it; nothing may be written any more. Called once. */
  onClosed(run: () => void): void;
  /** Gives false when the client takes less than is written: wait for {@link onDrain}. The message is taken all the same. */
  write(message: Response): boolean;
  /** Like {@link write}, for a message encoded already. The bytes must not be changed afterwards. */
  writeEncoded(bytes: Uint8Array): boolean;
  /** What was written has left; called after each write that gave false. */
  onDrain(run: () => void): void;
  /** No more requests, but for those that have arrived: a client that sends without reading has to wait. */
  pauseRequests(): void;
  resumeRequests(): void;
  /** Ends the call: with status OK, or refused. What was written before still leaves first. */
  end(failure?: RpcFailure): void;
  /** Resets the call, with what is still to leave: the client gets no status. */
  cut(): void;
}

/** Serves one call; it returns at once and lives on in its callbacks. */
export type StreamHandler<Request, Response> = (call: StreamCall<Request, Response>) => void;

/** A method with one request and one answer. */
export interface UnaryMethod {
  readonly kind: 'unary';
  run(request: Uint8Array, call: CallContext): Uint8Array | Promise<Uint8Array>;
}

/** A method that streams, in one direction or both. */
export interface StreamMethod {
  readonly kind: 'stream';
  open(call: StreamCall<Uint8Array, Uint8Array>): void;
}

/** A gRPC service. */
export interface Service {
  /** With its package, such as `etcdserverpb.KV`. */
  readonly name: string;
  readonly methods: Readonly<Record<string, UnaryMethod | StreamMethod>>;
}

/** What is used of a generated message class. */
interface Decoder<Message> {
  decode(bytes: Uint8Array): Message;
}

interface Encoder<Message> {
  encode(message: Message): { finish(): Uint8Array };
}

/** A unary method from its message classes and its handler. */
export function unary<Request, Response>(
  request: Decoder<Request>,
  response: Encoder<Response>,
  handler: UnaryHandler<Request, Response>,
): UnaryMethod {
  const encode = (answer: Response): Uint8Array => response.encode(answer).finish();
  return {
    kind: 'unary',
    run: (bytes, call) => {
      const answer = handler(decodeRequest(request, bytes), call, bytes.length);
      return answer instanceof Promise ? answer.then(encode) : encode(answer);
    },
  };
}

/** A streaming method from its message classes and its handler. */
export function stream<Request, Response>(
  request: Decoder<Request>,
  response: Encoder<Response>,
  handler: StreamHandler<Request, Response>,
): StreamMethod {
  return {
    kind: 'stream',
    open: (call) => {
      handler({
        context: call.context,
        onRequest: (run) => {
          call.onRequest((bytes) => {
            run(decodeRequest(request, bytes));
          });
        },
        onHalfClose: (run) => {
          call.onHalfClose(run);
        },
        onClosed: (run) => {
          call.onClosed(run);
        },
        write: (message) => call.writeEncoded(response.encode(message).finish()),
        writeEncoded: (bytes) => call.writeEncoded(bytes),
        onDrain: (run) => {
          call.onDrain(run);
        },
        pauseRequests: () => {
          call.pauseRequests();
        },
        resumeRequests: () => {
          call.resumeRequests();
        },
        end: (refusal) => {
          call.end(refusal);
        },
        cut: () => {
          call.cut();
        },
      });
    },
  };
}

function decodeRequest<Request>(request: Decoder<Request>, bytes: Uint8Array): Request {
  try {
    return request.decode(bytes);
  } catch (error) {
    // protobufjs's words for a message that ends too soon, and Go's.
    const text = error instanceof Error ? error.message : 'unknown reason';
    const why = text.startsWith('index out of range') ? 'unexpected EOF' : text;
    throw new RpcFailure(GrpcStatus.INTERNAL, `grpc: error unmarshalling request: ${why}`);
  }
}
