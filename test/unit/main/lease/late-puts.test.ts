import { describe, expect, it } from 'vitest';
import { EtcdError } from '../../../../src/wire/errors.js';
import { LatePuts } from '../../../../src/main/lease/late-puts.js';

const A = Buffer.from('same');
const B = Buffer.from('same'); // told apart by identity: each update makes one
const C = Buffer.from('other');
const UNKNOWN = new EtcdError('no answer', { code: 'timeout', outcome: 'unknown' });

describe('a put whose outcome is unknown', () => {
  it('makes a later put of something else be put again once it is not expected any more, and only once', () => {
    const late = new LatePuts(10_000);
    late.failed(A, 1n, UNKNOWN, 1_000);
    expect(late.applied(B, 1n, 1_500)).toBe(9_500);
    expect(late.applied(C, 1n, 4_000)).toBe(7_000);
    expect(late.applied(C, 1n, 11_000)).toBeUndefined();
    expect(late.applied(B, 1n, 11_001)).toBeUndefined();
  });

  it('does no harm to the same value on the same lease, but to the same value on another one', () => {
    const late = new LatePuts(10_000);
    late.failed(A, 1n, UNKNOWN, 1_000);
    expect(late.applied(A, 1n, 2_000)).toBeUndefined();
    expect(late.applied(A, 2n, 3_000)).toBe(8_000);
  });

  it('is one of several, of which the last counts for the time and any for the value', () => {
    const late = new LatePuts(10_000);
    for (const [n, value] of [A, B, C].entries()) late.failed(value, 1n, UNKNOWN, 1_000 * n);
    for (const value of [A, B, C]) expect(late.applied(value, 1n, 3_000)).toBe(9_000);
  });

  it('is not one that was refused or never sent', () => {
    const late = new LatePuts(10_000);
    late.failed(A, 1n, new EtcdError('no', { code: 'permission-denied', outcome: 'refused' }), 1_000);
    late.failed(A, 1n, new EtcdError('no', { code: 'unavailable', outcome: 'not-sent' }), 1_000);
    expect(late.applied(B, 1n, 2_000)).toBeUndefined();
  });
});
