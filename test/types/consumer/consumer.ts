// Compiled by test/types against the packed tarball, as a user's program would be; never run.
import { connect, EtcdError } from 'etcd-vigil';

export async function main(): Promise<string> {
  const etcd = await connect({ endpoints: ['http://127.0.0.1:2379'], shards: 1 });
  try {
    await etcd.kv.put('config/a', '1');
    const found = await etcd.kv.get('config/a');
    const revision: bigint | undefined = found?.modRevision;
    const text: string | undefined = found?.value.string();
    for await (const batch of etcd.watch({ prefix: 'config/' }, { startRevision: 7n })) {
      for (const event of batch) console.log(event.type, event.key.string(), event.modRevision);
      break;
    }
    return `${text ?? ''} ${(revision ?? 0n).toString()}`;
  } catch (error) {
    if (error instanceof EtcdError) return error.code;
    throw error;
  } finally {
    await etcd.close();
  }
}

// Types that had become `any` on the way would accept these.
// @ts-expect-error endpoints are text
void connect({ endpoints: [2379] });
// @ts-expect-error there is no such name
void (await import('etcd-vigil')).doesNotExist;
