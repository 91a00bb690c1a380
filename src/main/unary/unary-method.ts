/**
 * What a unary call is made of, without the generated code: the types that public declarations may mention. Main thread.
 */
import type { EtcdError } from '../../wire/errors.js';
import type { CallOptions } from './call-scope.js';

/** One unary method: how to write its request and read its answer. */
export interface UnaryMethod<Request, Response> {
  /** `/package.Service/Method` */
  readonly path: string;
  encode(request: Request): Uint8Array;
  /** Throws on bytes that are not the answer. */
  decode(bytes: Uint8Array): Response;
}

/** What a method needs to be called safely. */
export interface UnaryCallOptions extends CallOptions {
  /**
   * Sent once more after an attempt that was applied, the call changes nothing further: it reads, or it writes what nobody
   * else overwrites meanwhile. So it may be sent again after any failure to answer.
   */
  readonly repeatable: boolean;
  /**
   * Asked before each attempt but the first, whatever became of the last one: false ends the call with its failure. For calls
   * that stop being repeatable, or wanted, while they run.
   */
  readonly mayRepeat?: (() => boolean) | undefined;
  /**
   * Told of each attempt whose outcome is unknown, also where a later one succeeds: the server may apply it after that one.
   * For calls that stop being repeatable while they run. Must not throw.
   */
  readonly onUnknown?: ((error: EtcdError) => void) | undefined;
  /** Ask the member to refuse at once while it has no leader. Not for serializable reads, which need none. */
  readonly requireLeader: boolean;
  /** The lease that the call is about, for its errors. */
  readonly leaseId?: bigint | undefined;
  /** Carries no token, and waits for none: the login itself. */
  readonly anonymous?: boolean | undefined;
  /** Only this member, by its place in the settings: for calls about one member. */
  readonly member?: number | undefined;
}

/** Who makes unary calls; the services know no more of the transport. */
export interface UnaryCaller {
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    message: Request,
    options: UnaryCallOptions,
  ): Promise<Response>;
}
