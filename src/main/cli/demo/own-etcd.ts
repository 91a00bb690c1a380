/** An etcd as a child process on free ports, with its data in a temporary folder. Runs in the keeper's process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 3_000;
const PORT_ATTEMPTS = 5;

export class OwnEtcd {
  readonly endpoint: string;
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #isGone = false;

  private constructor(endpoint: string, folder: string, child: ChildProcess) {
    this.endpoint = endpoint;
    this.folder = folder;
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const done = (): void => {
        this.#isGone = true;
        resolve();
      };
      child.once('exit', done);
      child.once('error', done);
    });
  }

  /** Starts it and waits until it serves. */
  static async start(binary: string, signal: AbortSignal): Promise<OwnEtcd> {
    for (let attempt = 1; ; attempt += 1) {
      const etcd = await OwnEtcd.#launch(binary);
      try {
        await etcd.#untilHealthy(signal);
        return etcd;
      } catch (error) {
        const wasTaken = etcd.#log().includes('address already in use');
        await etcd.close();
        if (!wasTaken || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Stops it by its pid, waits for its exit, removes its data. */
  async close(): Promise<void> {
    if (!this.#isGone) {
      this.#child.kill('SIGTERM');
      const forced = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await this.#exited;
      clearTimeout(forced);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  static async #launch(binary: string): Promise<OwnEtcd> {
    const [clientPort, memberPort] = await freePorts();
    const client = `http://127.0.0.1:${String(clientPort)}`;
    const member = `http://127.0.0.1:${String(memberPort)}`;
    const folder = mkdtempSync(join(temporaryRoot(), 'vigil-demo-'));
    const log = openSync(join(folder, 'etcd.log'), 'a');
    const child = spawn(
      binary,
      [
        ...['--name=demo', `--data-dir=${join(folder, 'data')}`, `--initial-cluster=demo=${member}`],
        ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
        ...[`--listen-peer-urls=${member}`, `--initial-advertise-peer-urls=${member}`],
        // A long demo must not fill the store with its history.
        ...['--auto-compaction-mode=periodic', '--auto-compaction-retention=1m', '--logger=zap', '--log-level=error'],
      ],
      { env: environment(), stdio: ['ignore', log, log] },
    );
    closeSync(log);
    return new OwnEtcd(client, folder, child);
  }

  async #untilHealthy(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (performance.now() < deadline && !this.#isGone) {
      if (signal.aborted) throw new Error('etcd is not needed any more');
      const isHealthy = await fetch(`${this.endpoint}/health`, { signal: AbortSignal.timeout(1_000) }).then(
        (answer) => answer.ok,
        () => false,
      );
      if (isHealthy) return;
      await sleep(20);
    }
    throw new Error(`etcd ${this.#isGone ? 'ended while starting' : 'did not become healthy'}: ${this.#log()}`);
  }

  /** Its last lines. */
  #log(): string {
    const text = readFileSync(join(this.folder, 'etcd.log'), 'utf8').trimEnd();
    return text === '' ? 'it said nothing' : text.split('\n').slice(-5).join('\n');
  }
}

/** Settings of the shell, such as ETCD_NAME, must not configure this server. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD')));
}

function temporaryRoot(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

/** Both held before either is let go, so that they differ. */
async function freePorts(): Promise<readonly [number, number]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject);
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? address.port : 0);
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [ports[0] ?? 0, ports[1] ?? 0];
}
