/**
 * One real etcd server as a child process of the test: start, stop, kill, pause, restart on the same ports and data.
 * Owns its process, its folder (on tmpfs where there is one) and its log file. It ends with this process even when this
 * process is killed, as long as `setpriv` is on the machine; otherwise on a normal exit. (The signal comes with the death of
 * the thread that started it: start servers on a thread that outlives their use.)
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { accessSync, closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultEtcd, type EtcdBinary } from './etcd-binary.js';
import { etcdArguments, SOCKET_NAME, type EtcdOptions, type EtcdPlace } from './etcd-arguments.js';
import { eventually } from './poll.js';
import { freePorts } from './ports.js';
import { awaitStandstill } from './standstill.js';

export type { EtcdOptions, EtcdTls } from './etcd-arguments.js';

const READY_TIMEOUT_MS = 100_000;
const STOP_TIMEOUT_MS = 60_000;
const PORT_ATTEMPTS = 5;

/** All servers of this process that have not been closed; see {@link killAll}. */
const open = new Set<EtcdProcess>();

/** Set when a port was taken between choosing and binding it. */
export class PortClashError extends Error {
  override readonly name: string = 'PortClashError';
}

type State =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'running' | 'paused'; readonly child: ChildProcess; readonly exited: Promise<void> };

export class EtcdProcess {
  readonly binary: EtcdBinary;
  readonly name: string;
  /** Such as `http://127.0.0.1:23456`. */
  readonly endpoint: string;
  /** `127.0.0.1:23456`: for clients and proxies that take no scheme. */
  readonly address: string;
  readonly port: number;
  readonly peerUrl: string;
  /** Absolute path of the unix socket; something listens there only with `unixSocket`. */
  readonly socketPath: string;
  readonly #options: EtcdOptions;
  readonly #folder: string;
  readonly #logFile: string;
  readonly #place: EtcdPlace;
  #state: State = { kind: 'stopped' };

  private constructor(options: EtcdOptions, folder: string, place: EtcdPlace) {
    this.binary = options.binary ?? defaultEtcd();
    this.name = place.name;
    this.#options = options;
    this.#folder = folder;
    this.#place = place;
    this.#logFile = join(folder, 'etcd.log');
    this.port = place.clientPort;
    this.address = `127.0.0.1:${String(place.clientPort)}`;
    this.endpoint = `${options.tls === undefined ? 'http' : 'https'}://${this.address}`;
    this.peerUrl = `http://127.0.0.1:${String(place.peerPort)}`;
    this.socketPath = join(folder, SOCKET_NAME);
  }

  /** Starts a single-member etcd on free ports and waits until it is healthy. */
  static async start(options: EtcdOptions = {}): Promise<EtcdProcess> {
    for (let attempt = 1; ; attempt += 1) {
      const [clientPort = 0, peerPort = 0, metricsPort = 0] = await freePorts(3);
      const initialCluster = `etcd=http://127.0.0.1:${String(peerPort)}`;
      const etcd = EtcdProcess.create(options, { name: 'etcd', clientPort, peerPort, metricsPort, initialCluster });
      try {
        etcd.launch();
        await etcd.waitReady();
        return etcd;
      } catch (error) {
        await etcd.close();
        if (!(error instanceof PortClashError) || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  /** A member that is not running yet; for {@link start} and for clusters, which choose all ports first. */
  static create(options: EtcdOptions, place: Omit<EtcdPlace, 'dataDir'>): EtcdProcess {
    const folder = mkdtempSync(join(temporaryRoot(), 'etcd-vigil-test-'));
    const etcd = new EtcdProcess(options, folder, { ...place, dataDir: join(folder, 'data') });
    open.add(etcd);
    installExitHook();
    return etcd;
  }

  get endpoints(): string[] {
    return [this.endpoint];
  }

  get version(): string {
    return this.binary.version;
  }

  /** Of the running server. */
  get pid(): number | undefined {
    return this.#state.kind === 'stopped' ? undefined : this.#state.child.pid;
  }

  get running(): boolean {
    return this.#state.kind === 'running';
  }

  /** Starts the process without waiting for it. Data and ports are those of the first start. */
  launch(): void {
    if (this.#state.kind !== 'stopped') throw new Error(`etcd ${this.name} runs already`);
    const log = openSync(this.#logFile, 'a');
    const command = [this.binary.path, ...etcdArguments(this.binary, this.#options, this.#place)];
    const [program = '', ...programArguments] = hasSetpriv() ? ['setpriv', '--pdeathsig', 'KILL', ...command] : command;
    const child = spawn(program, programArguments, {
      cwd: this.#folder,
      env: environment(this.#options.env ?? {}),
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const exited = new Promise<void>((resolve) => {
      const done = (): void => {
        if (this.#state.kind !== 'stopped' && this.#state.child === child) this.#state = { kind: 'stopped' };
        resolve();
      };
      child.once('exit', done);
      child.once('error', done);
    });
    this.#state = { kind: 'running', child, exited };
    child.unref();
  }

  /** Waits until the member is healthy, which includes that the cluster has a leader. */
  async waitReady(timeoutMs: number = READY_TIMEOUT_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const health = `http://127.0.0.1:${String(this.#place.metricsPort)}/health?exclude=NOSPACE`;
    await eventually(
      async () => {
        // Looked at inside the loop, so that a process that died ends the wait at once.
        if (this.#state.kind === 'stopped') return 'gone';
        const attemptMs = Math.max(1, Math.min(2_000, deadline - performance.now()));
        const answer = await fetch(health, { signal: AbortSignal.timeout(Math.ceil(attemptMs)) });
        const body = (await answer.json()) as { health?: unknown }; // any JSON; only this field is looked at
        return body.health === 'true' || body.health === true ? 'healthy' : undefined;
      },
      { timeoutMs, intervalMs: 20, what: `etcd ${this.name} being healthy` },
    ).then(
      (outcome) => {
        if (outcome === 'healthy') return;
        const logs = this.logs(30);
        if (logs.includes('address already in use')) throw new PortClashError(`a port of etcd ${this.name} was taken`);
        throw new Error(`etcd ${this.name} ended while starting:\n${logs}`);
      },
      (error: unknown) => {
        throw new Error(`etcd ${this.name} is not healthy:\n${this.logs(30)}`, { cause: error });
      },
    );
  }

  /** SIGTERM, then waits for its exit. Data stays. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGKILL, then waits for its exit. Data stays. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGSTOP: connections stay open and nobody answers. Returns when the process does stand still. */
  pause(): void {
    if (this.#state.kind !== 'running') throw new Error(`etcd ${this.name} is not running`);
    this.#state.child.kill('SIGSTOP');
    awaitStandstill(this.#state.child.pid ?? 0);
    this.#state = { ...this.#state, kind: 'paused' };
  }

  resume(): void {
    if (this.#state.kind !== 'paused') throw new Error(`etcd ${this.name} is not paused`);
    this.#state.child.kill('SIGCONT');
    this.#state = { ...this.#state, kind: 'running' };
  }

  /** Stops it if it runs, starts it again on the same ports and data, and waits until it is healthy. */
  async restart(): Promise<void> {
    await this.stop();
    this.launch();
    await this.waitReady();
  }

  /** Deletes all data of a stopped server: the next start is a new, empty cluster. */
  wipe(): void {
    if (this.#state.kind !== 'stopped') throw new Error(`stop etcd ${this.name} before wiping it`);
    rmSync(this.#place.dataDir, { recursive: true, force: true });
    mkdirSync(this.#place.dataDir, { mode: 0o700 });
  }

  /** The last lines the server printed, over all its starts. */
  logs(lastLines: number = 100): string {
    try {
      return readFileSync(this.#logFile, 'utf8').trimEnd().split('\n').slice(-lastLines).join('\n');
    } catch {
      return '(no log)';
    }
  }

  /** Kills it and removes its folder. Idempotent. */
  async close(): Promise<void> {
    await this.kill();
    open.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** For the exit hook: nothing asynchronous runs there. */
  closeNow(): void {
    if (this.#state.kind !== 'stopped') this.#state.child.kill('SIGKILL');
    open.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#state.kind === 'stopped') return;
    const { child, exited } = this.#state;
    child.ref();
    child.kill(signal);
    // A stopped process handles SIGTERM only once it runs again.
    if (this.#state.kind === 'paused') child.kill('SIGCONT');
    const forced = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(forced);
  }
}

/** Parent settings such as ETCD_BIN or ETCDCTL_API must not configure the server. */
function environment(extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD'));
  return { ...Object.fromEntries(own), ...extra };
}

function temporaryRoot(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

let setprivFound: boolean | undefined;
function hasSetpriv(): boolean {
  setprivFound ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  return setprivFound;
}

let exitHookInstalled = false;
function installExitHook(): void {
  if (exitHookInstalled) return;
  exitHookInstalled = true;
  process.once('exit', killAll);
}

function killAll(): void {
  for (const etcd of open) etcd.closeNow();
}
