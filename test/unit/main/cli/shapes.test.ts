/** What commands print: JSON that loses nothing, and text that cannot take over a terminal. */
import { describe, expect, it } from 'vitest';
import { describeFailure } from '../../../../src/main/cli/failure.js';
import { bytesJson, keyValueJson } from '../../../../src/main/cli/json-shape.js';
import { printable } from '../../../../src/main/cli/text-shape.js';
import { verdictLine } from '../../../../src/main/cli/demo/summary-table.js';
import type { DemoSummary } from '../../../../src/main/cli/demo/frame.js';
import { Bytes, CompactedError, EtcdError } from '../../../../src/main/index.js';

describe('JSON', () => {
  it('has UTF-8 as text and other bytes as base64 under another name', () => {
    expect(bytesJson('key', Buffer.from('schlüssel'))).toEqual({ key: 'schlüssel' });
    expect(bytesJson('key', Uint8Array.of(0xff, 0))).toEqual({ keyBase64: '/wA=' });
    expect(bytesJson('value', new Uint8Array(0))).toEqual({ value: '' });
  });

  it('has int64 as decimal strings', () => {
    const kv = {
      key: Bytes.view(Buffer.from('k')),
      value: Bytes.view(Buffer.from('v')),
      createRevision: 2n ** 60n + 1n,
      modRevision: 3n,
      version: 1n,
      lease: -1n,
    };
    expect(keyValueJson(kv)).toEqual({
      key: 'k',
      value: 'v',
      createRevision: '1152921504606846977',
      modRevision: '3',
      version: '1',
      lease: '-1',
    });
    expect(keyValueJson(kv, false)).not.toHaveProperty('value');
  });
});

describe('printable text', () => {
  it.each([
    ['plain ü €', 'plain ü €'],
    ['tab\tline\nend\r', 'tab\\tline\\nend\\r'],
    ['back\\slash', 'back\\\\slash'],
    ['\u001b[2J', '\\x1b[2J'],
    ['\u009b31m', '\\x9b31m'],
    ['\u202egnp', '\\u{202e}gnp'],
  ])('of %j is %s', (text, expected) => {
    expect(printable(Buffer.from(text))).toBe(expected);
  });

  it('of bytes that are not UTF-8 shows each of them', () => {
    expect(printable(Uint8Array.of(0x61, 0xff, 0x5c, 0x0a))).toBe('a\\xff\\\\\\n');
  });
});

describe('failures', () => {
  it('of usage and of connecting have exit code 2, others 1', () => {
    expect(describeFailure(new EtcdError('no', { code: 'invalid-argument' })).exitCode).toBe(2);
    expect(describeFailure(new EtcdError('no', { code: 'connect-failed' })).exitCode).toBe(2);
    expect(describeFailure(new EtcdError('no', { code: 'timeout' })).exitCode).toBe(1);
    expect(describeFailure(new TypeError('oops'))).toEqual({ text: 'vigil: oops [internal]', exitCode: 1 });
  });

  it('name the code, and what to do', () => {
    expect(describeFailure(new CompactedError('gone', 17n)).text).toBe(
      'vigil: gone; the oldest revision left is 17 (--rev 17) [compacted]',
    );
    const unknown = new EtcdError('no answer', { code: 'timeout', outcome: 'unknown' });
    expect(describeFailure(unknown).text).toContain('may have been applied');
  });
});

describe("the demo's verdict", () => {
  const verdict = {
    matched: 5,
    lost: 0,
    doubled: 0,
    outOfOrder: 0,
    wrongContent: 0,
    unexpected: 0,
    appliedUnanswered: 0,
  };
  const summary: DemoSummary = {
    passed: false,
    interrupted: false,
    embedded: false,
    etcdVersion: '3.5.0',
    transport: 'http2',
    ranges: 1,
    shards: 1,
    seconds: 1,
    watchesCreatedMs: 1,
    written: 5,
    seen: 5,
    writeFailures: 0,
    problem: undefined,
    verdict,
    eventsPerSecond: 5,
    p50Ms: 1,
    p99Ms: 1,
    maxMs: 1,
    mainBusy: 0,
    shardBusy: [],
    leases: undefined,
    leasesGrantedMs: undefined,
  };

  it('names each kind of fault', () => {
    expect(verdictLine({ ...summary, verdict: { ...verdict, lost: 2, doubled: 1 } })).toBe(
      'check failed: 2 lost, 1 doubled',
    );
    expect(verdictLine({ ...summary, problem: 'watch 3 ended' })).toBe('check failed: watch 3 ended');
    expect(verdictLine({ ...summary, passed: true })).toContain('5 writes was seen exactly once');
  });
});
