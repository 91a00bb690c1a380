// Makes out/<bundler>/app.{cjs,mjs} of a project's app.js, with the settings of docs/guide/bundling.md. What only makes it
// quicker is marked.
import { join } from 'node:path';
import commonjsPlugin from '@rollup/plugin-commonjs';
import jsonPlugin from '@rollup/plugin-json';
import nodeResolvePlugin from '@rollup/plugin-node-resolve';
import { build } from 'esbuild';
import { rollup } from 'rollup';
import webpack from 'webpack';

/**
 * The plugins' declarations say that they cannot be called where they are imported from a module.
 * @param {unknown} plugin
 */
const callable = (plugin) => /** @type {() => import('rollup').Plugin} */ (plugin);
const nodeResolve = callable(nodeResolvePlugin);
const commonjs = callable(commonjsPlugin);
const json = callable(jsonPlugin);

/**
 * @param {string} project
 * @param {string} out
 */
export async function withEsbuild(project, out) {
  /** @type {import('esbuild').BuildOptions} */
  const options = {
    entryPoints: [join(project, 'app.js')],
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
  };
  await build({ ...options, format: 'cjs', outfile: join(out, 'esbuild/app.cjs') });
  await build({
    ...options,
    format: 'esm',
    outfile: join(out, 'esbuild/app.mjs'),
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
  });
}

/**
 * @param {string} project
 * @param {string} out
 */
export async function withRollup(project, out) {
  const bundle = await rollup({
    input: join(project, 'app.js'),
    plugins: [nodeResolve(), commonjs(), json()],
    onwarn: () => undefined, // grpc-js is circular
  });
  const dir = join(out, 'rollup');
  for (const [format, end] of /** @type {const} */ ([
    ['es', 'mjs'],
    ['cjs', 'cjs'],
  ]))
    await bundle.write({ dir, format, entryFileNames: `[name].${end}`, chunkFileNames: `[name].${end}` });
  await bundle.close();
}

/**
 * @param {string} project
 * @param {string} out
 */
export async function withWebpack(project, out) {
  const path = join(out, 'webpack');
  const options = /** @type {const} */ ({
    target: 'node',
    mode: 'production',
    context: project,
    entry: './app.js',
    optimization: { minimize: false }, // quicker
  });
  await runWebpack({ ...options, output: { path, filename: 'app.cjs', chunkFilename: '[name].cjs' } });
  await runWebpack({
    ...options,
    experiments: { outputModule: true },
    output: { path, filename: 'app.mjs', chunkFilename: '[name].mjs', module: true, chunkFormat: 'module' },
  });
}

/**
 * @param {import('webpack').Configuration} options
 * @returns {Promise<void>}
 */
function runWebpack(options) {
  return new Promise((resolve, reject) => {
    webpack(options, (error, stats) => {
      if (error !== null) reject(error);
      else if (stats?.hasErrors() === true) reject(new Error(stats.toString('errors-only')));
      else resolve();
    });
  });
}
