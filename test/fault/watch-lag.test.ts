/** Consumers that do not read: they delay nobody, cost bounded memory, and have every event when they read again. */
import { describeLag } from './lag-suite.js';

describeLag('under load', { shards: 1, unreadMs: 6_000, writesPerSecond: 500 });
