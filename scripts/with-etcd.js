// Runs a command with an etcd of its own (ETCD_BIN, then PATH) that it finds in ETCD_ENDPOINTS; ends with its exit code.
//
//   node scripts/with-etcd.js npm run examples
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

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

const [command, ...args] = process.argv.slice(2);
if (command === undefined) throw new Error('usage: node scripts/with-etcd.js <command> [arguments]');

const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-with-etcd-'));
const client = `http://127.0.0.1:${String(await freePort())}`;
const member = `http://127.0.0.1:${String(await freePort())}`;
const etcd = spawn(
  etcdPath(),
  [
    ...['--name=local', `--data-dir=${join(folder, 'data')}`, `--initial-cluster=local=${member}`],
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${member}`, `--initial-advertise-peer-urls=${member}`, '--logger=zap', '--log-level=error'],
  ],
  // Settings of the shell must not configure this server.
  {
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD'))),
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
try {
  await untilHealthy(client);
  const child = spawn(command, args, { env: { ...process.env, ETCD_ENDPOINTS: client }, stdio: 'inherit' });
  process.exitCode = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (status) => resolve(status ?? 1));
  });
} finally {
  const ended = new Promise((resolve) => etcd.once('exit', resolve));
  if (etcd.exitCode === null && etcd.kill()) await ended;
  rmSync(folder, { recursive: true, force: true });
}
