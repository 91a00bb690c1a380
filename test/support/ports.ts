/**
 * Free loopback ports for servers that tests start as child processes. Runs on the test's own thread.
 * Ports come from below the kernel's ephemeral range: one from inside it could be taken by an outgoing connection of
 * a test while the server that owned it is stopped, and `restart()` on the same port would fail now and then.
 * Test files run in several processes: a claim file a port keeps two of them from choosing the same one, where one
 * would mistake the other's server for its own.
 */
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 32_000;
const CLAIMS = join(tmpdir(), 'etcd-vigil-test-ports');
const claimed = new Set<number>();

/** True when this process now holds the port's claim file. A claim of a process that is gone counts for nothing. */
function claim(port: number): boolean {
  if (claimed.has(port)) return false;
  const file = join(CLAIMS, String(port));
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    if (isAlive(ownerOf(file))) return false;
    try {
      // Two processes may both replace a dead claim: so rare, and on random ports, that the bind error then tells.
      writeFileSync(file, String(process.pid));
    } catch {
      return false;
    }
  }
  if (claimed.size === 0) process.once('exit', releaseAll);
  claimed.add(port);
  return true;
}

function ownerOf(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return Number.NaN;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // process.kill throws system errors only
  }
}

function releaseAll(): void {
  for (const port of claimed) rmSync(join(CLAIMS, String(port)), { force: true });
}

/** True when nothing listens on the port at this moment. */
function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => {
      resolve(false);
    });
    probe.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      probe.close(() => {
        resolve(true);
      });
    });
  });
}

/**
 * `count` different ports that were free a moment ago; this process hands out none of them again. A stranger can still
 * take one before it is used: whoever binds it retries with new ports.
 */
export async function freePorts(count: number): Promise<number[]> {
  mkdirSync(CLAIMS, { recursive: true });
  const ports: number[] = [];
  for (let attempt = 0; ports.length < count; attempt += 1) {
    if (attempt > 1_000) throw new Error(`no ${String(count)} free ports on 127.0.0.1`);
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (claim(port) && (await canBind(port))) ports.push(port);
  }
  return ports;
}
