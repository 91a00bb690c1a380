// Starts and stops the service that outlives the hooks. With systemd this would be a unit and two calls of systemctl.
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** @typedef {ReturnType<typeof import('./places.js').places>} Places */

const program = fileURLToPath(new URL('service.js', import.meta.url));

/**
 * @param {Places} here
 * @param {string} unit
 */
export async function startService(here, unit) {
  if (await isServiceRunning(here)) return;
  await mkdir(here.folder, { recursive: true, mode: 0o700 });
  const log = openSync(here.log, 'a', 0o600);
  const child = spawn(process.execPath, [program, here.connection, `keeper/${unit}`], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  await writeFile(here.pid, String(child.pid), { mode: 0o600 });
}

/** @param {Places} here */
export async function stopService(here) {
  const pid = await pidOf(here);
  if (pid === undefined) return;
  process.kill(pid, 'SIGTERM');
  // It revokes its lease before it ends.
  for (let tries = 0; tries < 100 && (await isServiceRunning(here)); tries += 1) await sleep(100);
  await rm(here.pid, { force: true });
}

/** @param {Places} here */
export async function isServiceRunning(here) {
  return (await pidOf(here)) !== undefined;
}

/**
 * @param {Places} here
 * @returns {Promise<number | undefined>}
 */
async function pidOf(here) {
  const pid = Number(await readFile(here.pid, 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    // Another program may have been given the number of one that is gone.
    const command = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8');
    return command.includes(program) ? pid : undefined;
  } catch {
    return undefined;
  }
}
