import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { tooOldNode } from '../../../src/wire/node-floor.js';

describe('the oldest Node', () => {
  it.each(['20.19.0', '20.19.1', '20.20.2', '21.0.0', '22.0.0', '24.1.0', '100.0.0', '26.0.0-nightly20260101'])(
    'lets %s pass',
    (version) => {
      expect(tooOldNode(version)).toBeUndefined();
    },
  );

  it.each(['20.18.3', '20.0.0', '20.2.0', '19.20.0', '18.20.8', '16.20.2', '8.17.0', '0.12.18'])(
    'refuses %s',
    (version) => {
      expect(tooOldNode(version)).toBe(`etcd-vigil needs Node.js 20.19 or later; this is v${version}`);
    },
  );

  it('is the one that package.json names', () => {
    const manifest = new URL('../../../package.json', import.meta.url);
    const { engines } = JSON.parse(readFileSync(manifest, 'utf8')) as { engines: { node: string } };
    const oldest = engines.node.replace('>=', '');
    expect(tooOldNode(`${oldest}.0`)).toBeUndefined();
    expect(tooOldNode('0.0.0')).toContain(`Node.js ${oldest} or later`);
  });
});
