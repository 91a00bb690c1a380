/** Which authorities are trusted without the option `ca`: the same by calls and by watches, whatever carries them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { TestCertificates } from '../support/certificates.js';

const run = promisify(execFile);

/** Says `trusted` or what a refusal is told with, of a call and of a watch. */
const CHILD = `
import { connect } from 'etcd-vigil';
const [endpoints, transport] = process.argv.slice(1);
const etcd = await connect({ endpoints, transport, shards: 1, lazy: true });
const refusal = (async () => {
  for await (const status of etcd.status) if (status.type === 'disconnected') return status.error.message;
})();
const call = await etcd.kv.put('a', '1', { timeoutMs: 1_000 }).then(() => 'trusted', (error) => error.message);
const watch = await Promise.race([etcd.watch({ key: 'a' }).ready.then(() => 'trusted'), refusal]);
console.log(JSON.stringify([call, watch]));
process.exit(0);
`;

describe.each(['http2', 'grpc-js'])('over %s', (transport) => {
  let certificates: TestCertificates;
  let server: EmbeddedEtcd;
  beforeAll(async () => {
    certificates = TestCertificates.create();
    server = await EmbeddedEtcd.start({ tls: TestCertificates.text(certificates.issue('server')) });
  });
  afterAll(async () => {
    await server.close();
    certificates.close();
  });

  async function outcome(env: Record<string, string>): Promise<string[]> {
    const { PATH = '' } = process.env;
    const args = ['--input-type=module', '-e', CHILD, server.endpoints.join(','), transport];
    const { stdout } = await run(process.execPath, args, { env: { PATH, ...env } });
    return JSON.parse(stdout) as string[]; // the child prints two texts
  }

  it('those of NODE_EXTRA_CA_CERTS are trusted by both', async () => {
    expect(await outcome({ NODE_EXTRA_CA_CERTS: certificates.caFile })).toEqual(['trusted', 'trusted']);
  });

  it('those of GRPC_DEFAULT_SSL_ROOTS_FILE_PATH are trusted by neither', async () => {
    const refusals = await outcome({ GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: certificates.caFile });
    for (const refusal of refusals) expect(refusal).toMatch(/signed by a CA that is not trusted; give it as tls\.ca/u);
  });
});
