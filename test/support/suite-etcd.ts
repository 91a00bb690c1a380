/** One etcd for a whole suite of vitest tests: started before it, its log shown when a test failed, closed after it. */
import { afterAll, afterEach, beforeAll } from 'vitest';
import { EtcdProcess, type EtcdOptions } from './etcd.js';

const START_TIMEOUT_MS = 200_000;

/** Call inside `describe`; the function it gives returns the server from within tests and hooks. */
export function suiteEtcd(options: EtcdOptions = {}): () => EtcdProcess {
  let etcd: EtcdProcess | undefined;
  beforeAll(async () => {
    etcd = await EtcdProcess.start(options);
  }, START_TIMEOUT_MS);
  afterEach(({ task }) => {
    if (task.result?.state === 'fail' && etcd !== undefined) {
      process.stderr.write(`log of etcd ${etcd.version}, after "${task.name}":\n${etcd.logs(40)}\n`);
    }
  });
  afterAll(async () => {
    await etcd?.close();
  });
  return () => {
    if (etcd === undefined)
      throw new Error('the etcd of this suite has not been started: use it in tests, not in describe');
    return etcd;
  };
}
