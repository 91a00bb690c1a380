/** Very many leases for a while: none lost, as etcd itself says, within the memory and the time of the main thread allowed. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { defaultEtcd } from '../support/etcd-binary.js';
import { suiteEtcd } from '../support/suite-etcd.js';

interface Outcome {
  readonly alive: number;
  readonly ends: number;
  readonly missing: number;
  readonly rssBytes: number;
  readonly mainBusy: number;
  readonly cpuMs: number;
}

describe(`leases held on etcd ${defaultEtcd().version}`, () => {
  const server = suiteEtcd({ quiet: true });

  async function hold(leases: number, ttlSeconds: number, seconds: number, warmUpSeconds = 0): Promise<Outcome> {
    const script = new URL('lease-holder-process.js', import.meta.url).pathname;
    const args = [script, server().endpoint, leases, ttlSeconds, seconds, warmUpSeconds].map(String);
    const { stdout } = await promisify(execFile)(process.execPath, args);
    process.stderr.write(`${String(leases)} leases of ${String(ttlSeconds)} s: ${stdout}`);
    return JSON.parse(stdout) as Outcome; // the script's own line
  }

  it('50,000 of 15 s for 60 s: none lost, at most 160 MB, main thread at most 1 % busy', async () => {
    const outcome = await hold(50_000, 15, 60);
    expect(outcome).toMatchObject({ alive: 50_000, ends: 0, missing: 0 });
    expect(outcome.rssBytes).toBeLessThanOrEqual(160e6);
    expect(outcome.mainBusy).toBeLessThanOrEqual(0.01);
  });

  it('100,000 of 60 s for 90 s: none lost', async () => {
    expect(await hold(100_000, 60, 90)).toMatchObject({ alive: 100_000, ends: 0, missing: 0 });
  });

  it('10,000 of 30 s with no work to do: at most 0.1 % of a core for each 1,000', async () => {
    const outcome = await hold(10_000, 30, 60);
    expect(outcome.cpuMs / 60_000 / 10).toBeLessThanOrEqual(0.001);
  });

  it('1,000 of 30 s with no work to do, after a minute: at most 0.1 % of a core', async () => {
    const outcome = await hold(1_000, 30, 60, 60);
    expect(outcome.cpuMs / 60_000).toBeLessThanOrEqual(0.001);
  });
});
