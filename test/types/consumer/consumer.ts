// Compiled by test/types against the packed tarball, as a user's program would be; never run.
import { Bytes, connect, EtcdError } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { EtcdRequires } from 'etcd-vigil/relation';
import { findLosses } from 'etcd-vigil/testing';

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

export async function closedByItsBlock(): Promise<Uint8Array | undefined> {
  await using server = await EmbeddedEtcd.start();
  await using etcd = await connect({ endpoints: server.endpoints });
  const value: Bytes | undefined = (await etcd.kv.get('config/a'))?.value;
  const part: Bytes | undefined = value?.subarray(1);
  const own: Bytes = Bytes.view(new Uint8Array(2));
  return part ?? own;
}

export const others: readonly unknown[] = [EtcdRequires, findLosses];

// Types that had become `any` on the way would accept these.
// @ts-expect-error endpoints are text
void connect({ endpoints: [2379] });
// @ts-expect-error there is no such name
void (await import('etcd-vigil')).doesNotExist;
