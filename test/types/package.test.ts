import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, pack, removePacked, root } from '../../scripts/packed.js';

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc');
const consumers = join(root, 'test/types/consumer');

describe('the packed package', () => {
  let folder: string;
  let project: string;

  beforeAll(() => {
    const packed = pack();
    folder = packed.folder;
    project = join(folder, 'project');
    mkdirSync(project);
    installPacked(project, packed.extracted, ['@types/node', 'undici-types']);
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    for (const name of ['consumer.ts', 'consumer.cjs']) copyFileSync(join(consumers, name), join(project, name));
  });

  afterAll(() => {
    removePacked(folder);
  });

  it.each([
    { moduleResolution: 'nodenext', module: 'nodenext' },
    { moduleResolution: 'bundler', module: 'esnext' },
  ])('compiles in a strict project that checks libraries, with moduleResolution $moduleResolution', (options) => {
    const config = `tsconfig.${options.moduleResolution}.json`;
    const compilerOptions = {
      ...options,
      target: 'es2022',
      lib: ['es2022'],
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
    };
    writeFileSync(join(project, config), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
    const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', config], { cwd: project, encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  it('works through require() on this Node', () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['consumer.cjs'], { cwd: project, encoding: 'utf8' });
    expect({ stdout, stderr: stderr.replace(/^\(node:.*\n?/gm, '') }).toEqual({
      stdout: expect.stringMatching(/^EtcdError [a-z-]+\n$/) as string,
      stderr: '',
    });
  });

  it('works through import on this Node', () => {
    const program = `import('etcd-vigil').then(({ connect }) => console.log(typeof connect))`;
    expect(execFileSync(process.execPath, ['-e', program], { cwd: project, encoding: 'utf8' })).toBe('function\n');
  });
});
