import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';

const root = join(import.meta.dirname, '../..');
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'etcd-vigil-start-')));
let server: EmbeddedEtcd;

/** Connects, at once and lazily, and tells how both ended; anything uncaught ends it with another code. */
const PROGRAM = `
const [entry, endpoint] = process.argv.slice(2);
const { connect } = await import(entry);
const told = [];
await connect({ endpoints: endpoint, shards: 1 }).catch(({ code, message }) => told.push({ code, message }));
const lazy = await connect({ endpoints: endpoint, shards: 1, lazy: true });
const { error } = await lazy.watch('k').ended;
told.push({ code: error.code, message: error.message });
await lazy.close();
console.log(JSON.stringify(told));
`;

/** Starts a server, and tells how that ended. */
const START = `
const { EmbeddedEtcd } = await import(process.argv[2]);
const told = [];
await EmbeddedEtcd.start().catch(({ code, message }) => told.push({ code, message }));
console.log(JSON.stringify(told));
`;

beforeAll(async () => {
  server = await EmbeddedEtcd.start();
  writeFileSync(join(folder, 'program.mjs'), PROGRAM);
  writeFileSync(join(folder, 'start.mjs'), START);
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

async function run(
  flags: readonly string[],
  entry: string,
  program = 'program.mjs',
): Promise<{ code: string; message: string }[]> {
  const args = [...flags, join(folder, program), entry, ...server.endpoints];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect([await exited, stderr.replace(/^\(.*\n/gmu, '')]).toEqual([0, '']);
  return JSON.parse(stdout) as { code: string; message: string }[];
}

it('a worker that the permission model refuses is a rejected connect and an ended watch that say what to do', async () => {
  const permission = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  );
  const told = await run([permission ?? '--permission', '--allow-fs-read=*'], join(root, 'dist/main/index.js'));
  const expected = { code: 'shard-failed', message: expect.stringContaining('--allow-worker') as string };
  expect(told).toEqual([expected, expected]);
});

it('a thread of the embedded server that the permission model refuses is a rejected start that says what to do', async () => {
  const permission = ['--permission', '--experimental-permission'].find((flag) =>
    process.allowedNodeEnvironmentFlags.has(flag),
  );
  const told = await run(
    [permission ?? '--permission', '--allow-fs-read=*'],
    join(root, 'dist/embedded/index.js'),
    'start.mjs',
  );
  expect(told).toEqual([{ code: 'connect-failed', message: expect.stringContaining('--allow-worker') as string }]);
});

it('a worker whose file is missing is a rejected connect and an ended watch that name it', async () => {
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  rmSync(join(folder, 'dist/workers/shard.js'));
  const told = await run([], join(folder, 'dist/main/index.js'));
  const expected = { code: 'shard-failed', message: expect.stringContaining('dist/workers/shard.js') as string };
  expect(told).toEqual([expected, expected]);
});
