/**
 * The one seam at which calls can be observed: the tracing channel `etcd-vigil:call` of node:diagnostics_channel. Main thread.
 * Costs nothing while nobody listens; never carries keys, values, answers or tokens.
 */
// As a whole: Nodes that are too old have no such export, and are to be told so in words of ours.
import diagnostics from 'node:diagnostics_channel';
import { EtcdError, type Outcome } from '../../wire/errors.js';
import { performanceNow } from '../../wire/timers.js';

/**
 * Message of the tracing channel `etcd-vigil:call`: one call with all its attempts. The same object is published at the start
 * (`tracing:etcd-vigil:call:start`) and when it is over (`asyncEnd`; `error` before, where it failed), filled in meanwhile.
 */
export interface CallMessage {
  /** The name given to `connect`. */
  readonly engine: string | undefined;
  /** Such as `/etcdserverpb.KV/Range`. */
  readonly method: string;
  /** The endpoint of each attempt, in order, as configured. Empty while no member could be connected to. */
  readonly members: readonly string[];
  /** How often it was sent. */
  readonly attempts: number;
  /** What became of it; `undefined` until it is over. */
  readonly outcome: 'served' | Outcome | undefined;
  /** From the call to its end, in milliseconds; `undefined` until it is over. */
  readonly durationMs: number | undefined;
  /** Why it failed. */
  readonly error?: EtcdError;
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

const channels = diagnostics.tracingChannel<unknown, CallMessage>('etcd-vigil:call');
const { start, end, asyncStart, asyncEnd, error: failed } = channels;

/** Told of each attempt: the endpoint that it goes to. */
export type NoteAttempt = (endpoint: string) => void;

/** Whether anybody listens. */
export function isObserved(): boolean {
  return (
    asyncEnd.hasSubscribers ||
    start.hasSubscribers ||
    failed.hasSubscribers ||
    asyncStart.hasSubscribers ||
    end.hasSubscribers
  );
}

/** Runs a call and publishes it; resolves and rejects as the call does, after it was published. */
export async function observeCall<Answer>(
  engine: string | undefined,
  method: string,
  run: (note: NoteAttempt) => Promise<Answer>,
): Promise<Answer> {
  const members: string[] = [];
  const message: Writable<CallMessage> = {
    engine,
    method,
    members,
    attempts: 0,
    outcome: undefined,
    durationMs: undefined,
  };
  const note = (endpoint: string): void => {
    members.push(endpoint);
    message.attempts += 1;
  };
  const beganMs = performanceNow();
  const served: Answer[] = [];
  // What the promise of a trace resolves to is published with it: the answer is nobody's business but the caller's.
  const traced = async (): Promise<void> => {
    try {
      served.push(await run(note));
      message.outcome = 'served';
    } catch (thrown) {
      message.outcome = (thrown instanceof EtcdError ? thrown.outcome : undefined) ?? 'unknown';
      throw thrown;
    } finally {
      message.durationMs = performanceNow() - beganMs;
    }
  };
  await channels.tracePromise(traced, message);
  return served[0] as Answer; // it was served
}
