// Runs every examples/*.js against an etcd of its own (ETCD_BIN, then PATH), as `npm run examples`. An example reads
// ETCD_ENDPOINTS and ends by itself; exit 0 within a minute is success. An example is documentation: it must not rot.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { root } from './packed.js';

const EXAMPLE_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 20_000;

function etcdPath() {
  const named = process.env['ETCD_BIN'];
  if (named !== undefined && named !== '') return named;
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'etcd'));
  const found = onPath.find((path) => existsSync(path));
  if (found === undefined) throw new Error('no etcd: set ETCD_BIN to its path, or have it on PATH');
  return found;
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

/** @param {string} url */
async function untilHealthy(url) {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    const healthy = await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return;
    await sleep(50);
  }
  throw new Error('etcd did not become healthy');
}

const examples = existsSync(join(root, 'examples'))
  ? readdirSync(join(root, 'examples'))
      .filter((name) => name.endsWith('.js'))
      .sort()
  : [];
if (examples.length === 0) throw new Error('examples/ holds no .js file');

const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-examples-'));
const client = `http://127.0.0.1:${String(await freePort())}`;
const member = `http://127.0.0.1:${String(await freePort())}`;
const etcd = spawn(
  etcdPath(),
  [
    ...['--name=examples', `--data-dir=${join(folder, 'data')}`, `--initial-cluster=examples=${member}`],
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${member}`, `--initial-advertise-peer-urls=${member}`, '--logger=zap', '--log-level=error'],
  ],
  { stdio: ['ignore', 'ignore', 'inherit'] },
);
/** @type {string[]} */
const failed = [];
try {
  await untilHealthy(client);
  for (const name of examples) {
    console.log(`\n--- examples/${name}`);
    const child = spawn(process.execPath, [join(root, 'examples', name)], {
      cwd: root,
      env: { ...process.env, ETCD_ENDPOINTS: client },
      stdio: 'inherit',
      timeout: EXAMPLE_TIMEOUT_MS,
    });
    const code = await new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
    if (code !== 0) failed.push(`examples/${name} ended with ${String(code)}`);
  }
} finally {
  const ended = new Promise((resolve) => etcd.once('exit', resolve));
  if (etcd.exitCode === null && etcd.kill()) await ended;
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of failed) console.error(problem);
if (failed.length > 0) process.exitCode = 1;
else console.log(`\n${String(examples.length)} examples ran`);
