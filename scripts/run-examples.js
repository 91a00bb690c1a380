// Runs every examples/*.js, as `npm run examples`: on an etcd inside the example's process, or on that of ETCD_ENDPOINTS. An
// example ends by itself; exit 0 within a minute is success. An example is documentation: it must not rot.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './packed.js';

const EXAMPLE_TIMEOUT_MS = 60_000;

const examples = existsSync(join(root, 'examples'))
  ? readdirSync(join(root, 'examples'))
      .filter((name) => name.endsWith('.js'))
      .sort()
  : [];
if (examples.length === 0) throw new Error('examples/ holds no .js file');

/** @type {string[]} */
const failed = [];
for (const name of examples) {
  console.log(`\n--- examples/${name}`);
  const child = spawn(process.execPath, [join(root, 'examples', name)], {
    cwd: root,
    stdio: 'inherit',
    timeout: EXAMPLE_TIMEOUT_MS,
  });
  const code = await new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
  if (code !== 0) failed.push(`examples/${name} ended with ${String(code)}`);
}
for (const problem of failed) console.error(problem);
if (failed.length > 0) process.exitCode = 1;
else console.log(`\n${String(examples.length)} examples ran`);
