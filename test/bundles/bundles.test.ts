import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, pack, removePacked, root } from '../../scripts/packed.js';
import { withEsbuild, withRollup, withWebpack } from './bundlers.js';

const run = promisify(execFile);
const engine = (key: string, threads: number): unknown => ({
  key,
  seen: ['seen'],
  alive: true,
  code: 'future-revision',
  threads,
});
const everything = {
  engines: [engine('1/http2', 1), engine('1/grpc-js', 1), engine('inline/http2', 0), engine('inline/grpc-js', 0)],
  crash: { seen: ['survived'], threads: 1 },
  strikes: 1,
  names: ['function', 'function'],
};

describe('an application that is bundled', () => {
  let folder: string;
  let out: string;

  beforeAll(async () => {
    const packed = pack();
    folder = packed.folder;
    out = join(folder, 'out'); // no node_modules here or above
    const project = join(folder, 'project');
    mkdirSync(project);
    installPacked(project, packed.extracted);
    copyFileSync(join(root, 'test/bundles/app.js'), join(project, 'app.js'));
    await Promise.all([withEsbuild(project, out), withRollup(project, out), withWebpack(project, out)]);
    // A bundle that still leans on the machine that made it ends here.
    for (const name of ['workers/shard.js', 'embedded/server-thread.js', 'main/index.js'])
      writeFileSync(
        join(project, 'node_modules/etcd-vigil/dist', name),
        'throw new Error("not part of the bundle");\n',
      );
  });

  afterAll(() => {
    removePacked(folder);
  });

  it.concurrent.each([
    'esbuild/app.cjs',
    'esbuild/app.mjs',
    'rollup/app.cjs',
    'rollup/app.mjs',
    'webpack/app.cjs',
    'webpack/app.mjs',
  ])('runs as %s, with engines in threads and inline on an embedded server', async (bundle) => {
    const { stdout, stderr } = await run(process.execPath, [join(out, bundle)], { cwd: out });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual(everything);
  });

  it('starts its threads where node itself was told to take texts for modules', async () => {
    const url = JSON.stringify(join(out, 'esbuild/app.cjs'));
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', `await import(${url});`], {
      cwd: out,
    });
    expect(JSON.parse(stdout)).toEqual(everything);
  });

  it('is described by the guide with the lines that are used here', () => {
    const guide = readFileSync(join(root, 'docs/guide/bundling.md'), 'utf8');
    const lines = readFileSync(join(root, 'test/bundles/bundlers.js'), 'utf8');
    for (const line of [
      `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
      'plugins: [nodeResolve(), commonjs(), json()],',
      `target: 'node',`,
      'experiments: { outputModule: true },',
      `module: true, chunkFormat: 'module' },`,
    ]) {
      expect(guide).toContain(line);
      expect(lines).toContain(line);
    }
  });
});
