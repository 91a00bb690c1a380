/** Asks the members who they are, as the user of the engine: what connecting and new settings begin with. Main thread. */
import type { TokenSource } from '../../member/token-source.js';
import { remedyFor } from '../../member/failure.js';
import { toEtcdError, type EtcdError } from '../../wire/errors.js';
import type { CallOptions } from '../unary/call-scope.js';
import { probe, type MemberReport } from '../unary/probe.js';
import type { UnaryClient } from '../unary/unary-client.js';

/**
 * As {@link probe}, over a client that takes its tokens from here.
 *
 * @throws EtcdError as `probe`, and `unauthenticated` where no member accepts what there is to log in with.
 */
export async function probeAsUser(
  unary: UnaryClient,
  tokens: TokenSource,
  options: CallOptions & { readonly timeoutMs: number },
): Promise<MemberReport[]> {
  let refusal: EtcdError | undefined;
  const login = tokens.ready().catch((thrown: unknown) => {
    refusal = toEtcdError(thrown);
  });
  try {
    const reports = await probe(unary, options);
    // A member that answers without a token, as proxies may, has answered too early.
    await login;
    if (refusal !== undefined) throw refusal; // set while it was awaited
    // A token that was given is known to be taken only once it was sent; members that refuse it have answered, too.
    await tokens.ready();
    return reports;
  } catch (error) {
    // Where nobody could be reached, the report of each member says more.
    throw refusal !== undefined && remedyFor(refusal) !== 'elsewhere' ? refusal : error;
  }
}
