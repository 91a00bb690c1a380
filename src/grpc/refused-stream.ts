/** A stream that could not be opened: it ends with its error, but not before `openStream` has returned. */
import type { EtcdError } from '../wire/errors.js';
import type { GuardedTimers } from '../wire/guarded-timers.js';
import type { GrpcStream, StreamHandlers } from './grpc-connection.js';

export function refusedStream(handlers: StreamHandlers, timers: GuardedTimers, error: EtcdError): GrpcStream {
  let cancelled = false;
  timers.nextTick(() => {
    if (!cancelled) handlers.onEnd(error);
  });
  const nothing = (): void => undefined;
  return {
    write: nothing,
    pause: nothing,
    resume: nothing,
    cancel: () => {
      cancelled = true;
    },
  };
}
