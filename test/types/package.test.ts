import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, pack, removePacked, root } from '../../scripts/packed.js';

const require = createRequire(import.meta.url);
const consumers = join(root, 'test/types/consumer');

/** The oldest TypeScript that the README names, the project's own, and the newest; each is a development dependency. */
const COMPILERS = ['typescript-5.2', 'typescript', 'typescript-7'];
const OPTIONS = [
  { moduleResolution: 'nodenext', module: 'nodenext', lib: ['es2022'] },
  // The types of `await using` from TypeScript, too: without them they are those of @types/node alone.
  { moduleResolution: 'bundler', module: 'esnext', lib: ['es2022', 'esnext.disposable'] },
];

/** The compiler's program and version, of a development dependency. */
function compilerOf(name: string): { readonly tsc: string; readonly version: string } {
  const manifest = require.resolve(`${name}/package.json`);
  const { version } = require(manifest) as { version: string };
  return { tsc: join(dirname(manifest), 'bin/tsc'), version };
}

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

  it.each(COMPILERS.flatMap((compiler) => OPTIONS.map((options) => ({ compiler, ...options }))))(
    'compiles in a strict project that checks libraries, with $compiler, moduleResolution $moduleResolution, lib $lib',
    ({ compiler, ...options }) => {
      const { tsc } = compilerOf(compiler);
      const config = `tsconfig.${compiler}.${options.moduleResolution}.${options.lib.join('.')}.json`;
      const compilerOptions = {
        ...options,
        target: 'es2022',
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
    },
  );

  it('is compiled with the oldest TypeScript that README and guide name', () => {
    const [major, minor] = compilerOf('typescript-5.2').version.split('.');
    for (const name of ['README.md', 'docs/guide/getting-started.md'])
      expect(readFileSync(join(root, name), 'utf8')).toContain(`TypeScript ${String(major)}.${String(minor)} or later`);
  });

  it('works through require() on this Node', () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['consumer.cjs'], { cwd: project, encoding: 'utf8' });
    expect({ stdout, stderr: stderr.replace(/^\(node:.*\n?/gm, '') }).toEqual({
      stdout: expect.stringMatching(/^EtcdError [a-z-]+\n$/) as string,
      stderr: '',
    });
  });

  it.each(['etcd-vigil', 'etcd-vigil/relation', 'etcd-vigil/embedded', 'etcd-vigil/testing'])(
    'is the same module for require() and for import: %s',
    (entry) => {
      const program = `const required = require('${entry}'); import('${entry}').then((imported) => console.log(required === imported))`;
      const args = ['--no-warnings', '--input-type=commonjs', '-e', program];
      expect(execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' })).toBe('true\n');
    },
  );

  it('says what to do where a Node that could otherwise use it cannot require ES modules', () => {
    const program = `try { require('etcd-vigil') } catch (error) { console.log(error.code, error.message) }`;
    const args = ['--no-experimental-require-module', '--input-type=commonjs', '-e', program];
    expect(execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' })).toMatch(
      /^ERR_REQUIRE_ESM etcd-vigil is an ES module.* use import/u,
    );
  });

  it('works through import on this Node', () => {
    const program = `import('etcd-vigil').then(({ connect }) => console.log(typeof connect))`;
    expect(execFileSync(process.execPath, ['-e', program], { cwd: project, encoding: 'utf8' })).toBe('function\n');
  });
});
