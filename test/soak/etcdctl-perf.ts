/** etcdctl's own load test against the embedded server, whole: it runs for a minute, whatever it is asked for. */
import { describe, expect, it } from 'vitest';
import { embeddedWithEtcdctl, following } from '../embedded/etcdctl/etcdctl-fixture.js';

const { ctl } = embeddedWithEtcdctl();

describe('etcdctl check perf', () => {
  it('passes in all its judgements under its small load', async () => {
    const child = ctl().start(['check', 'perf', '--load=s', '--auto-compact', '--auto-defrag']);
    const printed = following(child);
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect({ code, printed: printed().replace(/^[^]*?(?=PASS|FAIL)/, '') }).toMatchObject({
      code: 0,
      printed: expect.stringMatching(/^PASS: Throughput[^]*PASS: Slowest[^]*PASS: Stddev[^]*PASS\n/),
    });
  });
});
