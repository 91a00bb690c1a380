// Reads, writes and a transaction that changes a key only if nobody else did.
//   node examples/kv-txn.js     on an etcd inside the process, or on that of ETCD_ENDPOINTS
// @ts-check
import { compare, connect, EtcdError, get, put } from 'etcd-vigil';
import { endpoints } from './support/endpoints.js';

const prefix = 'example/kv-txn/';
const etcd = await connect({ endpoints, shards: 'inline' });
try {
  await etcd.kv.put(`${prefix}stock`, JSON.stringify({ apples: 3 }));
  const stock = await etcd.kv.get(`${prefix}stock`);
  if (stock === null) throw new Error('somebody deleted it');
  /** @type {{ apples: number }} */
  const { apples } = stock.value.json();

  const sold = await etcd.kv
    .txn()
    .if(compare(`${prefix}stock`).modRevision.equals(stock.modRevision))
    .then(put(`${prefix}stock`, JSON.stringify({ apples: apples - 1 })), put(`${prefix}sold`, '1'))
    .else(get(`${prefix}stock`))
    .commit();
  console.log(sold.succeeded ? `sold one in revision ${sold.header.revision}` : 'somebody was faster');

  // The same again does not go through: the key has changed since.
  const again = await etcd.kv
    .txn()
    .if(compare(`${prefix}stock`).modRevision.equals(stock.modRevision))
    .then(put(`${prefix}stock`, 'never'))
    .else(get(`${prefix}stock`))
    .commit();
  const [answer] = again.responses;
  if (answer?.kind === 'get') console.log(`not sold twice: ${answer.kv?.value.string() ?? 'gone'}`);

  // Page by page, all pages of one revision.
  for await (const page of etcd.kv.pages({ prefix }, { pageSize: 1 })) {
    for (const kv of page.kvs) console.log(`${kv.key.string()} = ${kv.value.string()} (version ${kv.version})`);
  }

  // Errors have a code to branch on.
  try {
    await etcd.kv.get(`${prefix}stock`, { revision: 1_000_000_000n });
  } catch (error) {
    if (!(error instanceof EtcdError) || error.code !== 'future-revision') throw error;
    console.log(`refused: ${error.code}`);
  }

  const { deleted } = await etcd.kv.delete({ prefix });
  console.log(`${deleted} keys deleted`);
} finally {
  await etcd.close();
}
