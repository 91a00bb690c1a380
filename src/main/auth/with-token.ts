/**
 * Repeats a call that was refused for its token, with another one. Main thread. Such a refusal comes before a request is looked
 * at, or instead of applying it: it wrote nothing, so writes are repeated, too.
 */
import { withoutToken } from '../../member/authenticate.js';
import type { TokenSource } from '../../member/token-source.js';
import { toEtcdError } from '../../wire/errors.js';
import { isTokenError } from '../../wire/server-errors.js';
import type { CallScope } from '../unary/call-scope.js';

/**
 * Makes the call, at most once with each token.
 *
 * @param mayRepeat asked before each attempt but the first.
 */
export async function withToken<Answer>(
  tokens: TokenSource,
  scope: CallScope,
  mayRepeat: () => boolean,
  call: () => Promise<Answer>,
): Promise<Answer> {
  if (!tokens.isUsed) return call();
  await inTime(scope, tokens.ready());
  const refused = new Set<string | undefined>();
  for (;;) {
    const headers = tokens.headers();
    try {
      return await call();
    } catch (thrown) {
      const error = toEtcdError(thrown);
      if (!isTokenError(error) || refused.has(headers['token']) || !mayRepeat()) throw error;
      refused.add(headers['token']);
      scope.lastFailure = error;
      await inTime(scope, tokens.refused(headers));
    }
  }
}

/** Waits for a token no longer than the call may take. */
function inTime(scope: CallScope, token: Promise<void>): Promise<undefined> {
  token.catch(() => undefined); // the call may be over before anybody waits
  return scope.race<undefined>((resolve, reject) => {
    token.then(
      () => resolve(undefined),
      (thrown: unknown) => reject(withoutToken(toEtcdError(thrown, 'unavailable'))),
    );
    return () => undefined;
  });
}
