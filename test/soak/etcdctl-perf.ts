/** etcdctl's own load test against the embedded server, whole: it runs for a minute, whatever it is asked for. */
import { describe, expect, it } from 'vitest';
import { embeddedWithEtcdctl, following } from '../embedded/etcdctl/etcdctl-fixture.js';

const { ctl } = embeddedWithEtcdctl();

describe('etcdctl check perf', () => {
  it('runs to its end and judges throughput, slowest request and deviation', async () => {
    const child = ctl().start(['check', 'perf', '--load=s', '--auto-compact', '--auto-defrag']);
    const printed = following(child);
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
    await new Promise((resolve) => child.once('exit', resolve));
    // Whether it passes says more of the machine, which etcdctl's 50 clients share, than of the server.
    const judged = /^(?:PASS|FAIL): (?:Throughput.*|Slowest request.*|Stddev.*)$/gm;
    expect(printed().match(judged) ?? printed()).toHaveLength(3);
    expect(complaints).not.toMatch(/error/i);
  });
});
