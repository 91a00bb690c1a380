/**
 * The gRPC service of watches. Server thread. Who may watch is asked when a watch is created, with the token that the stream was
 * opened with, and never again, as in etcd. A stream lives on when its client half-closes it.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { bigintFromLong } from '../../wire/int64.js';
import { GrpcStatus } from '../../wire/server-errors.js';
import type { AuthGate } from '../auth/auth-gate.js';
import { numberFromLong } from '../long.js';
import { RpcFailure } from '../rpc-failure.js';
import { keySpan } from '../store/key-span.js';
import type { WatchServer } from '../watch/watch-server.js';
import type { WatchStream } from '../watch/watch-stream.js';
import { stream, type CallContext, type Service } from './service.js';

/** What the service stands on. */
export interface WatchServiceParts {
  readonly watches: WatchServer;
  readonly gate: AuthGate;
}

/** The key that is asked for by naming none. */
const FIRST_KEY = Uint8Array.of(0);

export function watchService({ watches, gate }: WatchServiceParts): Service {
  return {
    name: 'etcdserverpb.Watch',
    methods: {
      Watch: stream(rpc.WatchRequest, rpc.WatchResponse, (call) => {
        const watching = watches.open({
          write: (message) => call.writeEncoded(message),
          pause: () => {
            call.pauseRequests();
          },
          resume: () => {
            call.resumeRequests();
          },
        });
        call.onRequest((request) => {
          serve(request, watching, gate, call.context);
        });
        call.onHalfClose(() => undefined);
        call.onDrain(() => {
          watching.drained();
        });
        call.onClosed(() => {
          watches.forget(watching);
        });
      }),
    },
  };
}

/** A request that asks for nothing is ignored, as in etcd. */
function serve(request: rpc.WatchRequest, watching: WatchStream, gate: AuthGate, call: CallContext): void {
  const { createRequest, cancelRequest, progressRequest } = request;
  if (isGiven(createRequest)) create(rpc.WatchCreateRequest.create(createRequest), watching, gate, call);
  else if (isGiven(cancelRequest)) watching.cancel(bigintFromLong(cancelRequest.watchId));
  else if (isGiven(progressRequest)) watching.requestProgress();
}

function isGiven<Part>(part: Part | null | undefined): part is Part {
  return part !== null && part !== undefined;
}

function create(request: rpc.WatchCreateRequest, watching: WatchStream, gate: AuthGate, call: CallContext): void {
  const { filters, rangeEnd } = request;
  const key = request.key.length === 0 ? FIRST_KEY : request.key;
  try {
    gate.checkRead(gate.user(call), key, rangeEnd);
  } catch (error) {
    if (!(error instanceof RpcFailure)) throw error;
    watching.refuse(`rpc error: code = ${goCodeName(error.status)} desc = ${error.message}`);
    return;
  }
  watching.create(bigintFromLong(request.watchId), {
    span: keySpan(key, rangeEnd),
    startRevision: numberFromLong(request.startRevision),
    noPut: filters.includes(rpc.WatchCreateRequest.FilterType.NOPUT),
    noDelete: filters.includes(rpc.WatchCreateRequest.FilterType.NODELETE),
    prevKv: request.prevKv,
    fragment: request.fragment,
    progressNotify: request.progressNotify,
  });
}

/** The name under which grpc-go prints a status; only what a permission check refuses with. */
function goCodeName(status: number): string {
  switch (status) {
    case GrpcStatus.INVALID_ARGUMENT:
      return 'InvalidArgument';
    case GrpcStatus.UNAUTHENTICATED:
      return 'Unauthenticated';
    default:
      return 'PermissionDenied';
  }
}
