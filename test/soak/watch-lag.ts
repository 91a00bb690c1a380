/** Consumers that do not read for a minute under load. */
import { describeLag } from '../fault/lag-suite.js';

describeLag('under load for a minute', { shards: 2, unreadMs: 60_000, writesPerSecond: 1_000 });
