import { describe, expect, it } from 'vitest';
import { isGrantable, PermissionType, RangePermissions } from '../../../../src/embedded/auth/range-permissions.js';

const { READ, WRITE, READWRITE } = PermissionType;
const permissions = (
  ...granted: readonly (readonly [type: number, key: string, rangeEnd?: string])[]
): RangePermissions => new RangePermissions(granted.map(([type, key, rangeEnd = '']) => ({ type, key, rangeEnd })));

describe('range permissions', () => {
  it('tell reading from writing; READWRITE is both; a type that etcd does not know is neither', () => {
    const some = permissions([READ, 'r'], [WRITE, 'w'], [READWRITE, 'b'], [7, 'x']);
    expect(['r', 'w', 'b', 'x'].filter((key) => some.mayRead(key, ''))).toEqual(['r', 'b']);
    expect(['r', 'w', 'b', 'x'].filter((key) => some.mayWrite(key, ''))).toEqual(['w', 'b']);
  });

  it('of one key cover that key alone, and the range that is no more than it', () => {
    const one = permissions([READ, 'a']);
    expect(one.mayRead('a', '')).toBe(true);
    expect(one.mayRead('a\0', '')).toBe(false);
    expect(one.mayRead('a', 'a\0')).toBe(true);
    expect(one.mayRead('a', 'b')).toBe(false);
  });

  it('of a range cover what lies in it, and not its end', () => {
    const range = permissions([READ, 'b', 'd']);
    expect(range.mayRead('b', 'd')).toBe(true);
    expect(range.mayRead('c', '')).toBe(true);
    expect(range.mayRead('d', '')).toBe(false);
    expect(range.mayRead('b', 'd\0')).toBe(false);
    expect(range.mayRead('a', 'c')).toBe(false);
  });

  it('from a key on reach to the end, and only they allow to ask to the end', () => {
    expect(permissions([READ, 'b', '\0']).mayRead('zz', '\0')).toBe(true);
    expect(permissions([READ, 'b', '\0']).mayRead('a', '\0')).toBe(false);
    expect(permissions([READ, 'b', '\xff\xff']).mayRead('c', '\0')).toBe(false);
  });

  it('of several roles cover together what none covers alone, unless a gap is between them', () => {
    const touching = permissions([READ, 'c', 'e'], [READ, 'a', 'c'], [READ, 'b', 'd']);
    expect(touching.mayRead('a', 'e')).toBe(true);
    expect(touching.mayRead('a', 'f')).toBe(false);
    const apart = permissions([READ, 'a', 'c'], [READ, 'c\0', 'e']);
    expect(apart.mayRead('a', 'e')).toBe(false);
    expect(permissions([READ, 'a', 'c'], [READ, 'c'], [READ, 'c\0', 'e']).mayRead('a', 'e')).toBe(true);
  });

  it('cover a range without keys when something granted touches its begin, as in etcd', () => {
    const one = permissions([READ, 'a'], [WRITE, 'b', '\0']);
    expect(one.mayRead('a', 'A')).toBe(true);
    expect(one.mayRead('b', 'a')).toBe(false);
    expect(one.mayWrite('c', 'B')).toBe(true);
  });

  it('can be granted for ranges with a key in them only', () => {
    expect(isGrantable('a', '')).toBe(true);
    expect(isGrantable('a', '\0')).toBe(true);
    expect(isGrantable('a', 'b')).toBe(true);
    expect(isGrantable('b', 'b')).toBe(false);
    expect(isGrantable('b', 'a')).toBe(false);
    expect(isGrantable('', '\0')).toBe(false);
  });
});
