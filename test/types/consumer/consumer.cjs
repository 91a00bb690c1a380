// Run by test/types with the packed tarball installed: the ESM package from CommonJS.
const { connect, EtcdError } = require('etcd-vigil');

async function main() {
  // A port that nothing listens on: the whole path from options to a typed error, without a server.
  const etcd = await connect({ endpoints: ['http://127.0.0.1:1'], shards: 1, timeoutMs: 1_000 });
  await etcd.close();
}

main().then(
  () => console.log('connected'),
  (error) => console.log(error instanceof EtcdError ? `EtcdError ${error.code}` : error),
);
