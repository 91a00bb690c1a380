import { describe, expect, it } from 'vitest';
import { besideThis } from '../../../src/wire/thread-file.js';

describe('the place of a file that a thread loads', () => {
  it('is beside the package as it was installed', () => {
    const file = besideThis('file:///app/node_modules/etcd-vigil/dist/wire/thread-file.js', 'workers/shard.js');
    expect(file?.href).toBe('file:///app/node_modules/etcd-vigil/dist/workers/shard.js');
  });

  it.each([
    ['a bundle of ES modules', 'file:///app/out/app.mjs'],
    ['a bundle beside which lies a file of that name', 'file:///app/main/index.js'],
    ['CommonJS, where a module has no URL', undefined],
    ['something that was not loaded from a file', 'data:text/javascript,/wire/thread-file.js'],
  ])('is unknown in %s', (_where, ownUrl) => {
    expect(besideThis(ownUrl, 'workers/shard.js')).toBeUndefined();
  });
});
