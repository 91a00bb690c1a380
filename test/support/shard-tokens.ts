/** The tokens of a shard that stands alone: no main thread answers, so that it logs in by itself. */
import { ShardTokens } from '../../src/workers/credentials.js';
import type { Login } from '../../src/wire/shard-auth.js';

export function tokensOf(login: Login): ShardTokens {
  return new ShardTokens({
    auth: { identity: 0, login, held: { kind: 'none' } },
    report: () => undefined,
    timers: { set: (callback, delayMs) => setTimeout(callback, delayMs), clear: (timer) => clearTimeout(timer) },
    now: () => performance.now(),
    random: Math.random,
  });
}
