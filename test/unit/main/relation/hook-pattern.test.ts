import { describe, expect, it } from 'vitest';
import { expandHookPattern } from '../../../../src/main/relation/hook-pattern.js';
import type { EndpointDeclaration } from '../../../../src/main/relation/index.js';

const ENDPOINTS: EndpointDeclaration[] = [
  { name: 'etcd', role: 'requires', interface: 'etcd' },
  { name: 'backup', role: 'requires', interface: 'etcd' },
  { name: 'db', role: 'provides', interface: 'etcd' },
];

describe('a pattern of hook names', () => {
  it.each([
    ['install', ['install']],
    [
      '{requires:etcd}-relation-{joined,changed}',
      ['etcd-relation-joined', 'etcd-relation-changed', 'backup-relation-joined', 'backup-relation-changed'],
    ],
    ['{provides:etcd}-relation-broken', ['db-relation-broken']],
    ['{peers:etcd}-relation-joined', []],
    ['{relation_name}-x', ['etcd-x', 'backup-x', 'db-x']],
    // charms.reactive does not trim: its "etcd-relation- departed" never ran.
    ['{provides:etcd}-relation-{broken, departed}', ['db-relation-broken', 'db-relation-departed']],
  ])('%s stands for %j', (pattern, names) => {
    expect(expandHookPattern(pattern, ENDPOINTS)).toEqual(names);
  });

  it.each(['{peer:etcd}-relation-joined', '{requires:etcd:x}', '{requires:etcd', 'a}', '{{a}}'])(
    '%s is refused',
    (pattern) => {
      expect(() => expandHookPattern(pattern, ENDPOINTS)).toThrow(
        expect.objectContaining({ code: 'invalid-argument' }) as Error,
      );
    },
  );
});
