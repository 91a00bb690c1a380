// The same as examples/watch-prefix.js in TypeScript, with `await using`: the engine is closed when the block is left.
// (`npx tsc` first: Node 20 runs no TypeScript, and knows `await using` only compiled down.)
import { connect } from 'etcd-vigil';

export async function firstChange(endpoints: string, prefix: string): Promise<string | undefined> {
  await using etcd = await connect({ endpoints });
  for await (const batch of etcd.watch({ prefix })) {
    for (const event of batch) return event.key.string();
  }
  return undefined;
}
