/**
 * The shard on the application's thread, for `shards: 'inline'`. The one place where main's side and the workers' meet: main
 * imports it when it is asked for, by a name that bundlers follow; nothing of the workers is loaded before.
 */
export { runInline } from '../workers/shard.js';
