/** etcd's own grpc-proxy in front of one server, as a child process: start, stop, start again on the same port. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EtcdProcess } from './etcd.js';
import { eventually } from './poll.js';
import { freePorts } from './ports.js';
import { RawEtcd } from './raw-etcd.js';

export class GrpcProxy {
  readonly endpoint: string;
  readonly #server: EtcdProcess;
  readonly #address: string;
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'etcd-vigil-proxy-'));
  #child: ChildProcess | undefined;

  private constructor(server: EtcdProcess, port: number) {
    this.#server = server;
    this.#address = `127.0.0.1:${String(port)}`;
    this.endpoint = `http://${this.#address}`;
  }

  static async start(server: EtcdProcess): Promise<GrpcProxy> {
    const [port = 0] = await freePorts(1);
    const proxy = new GrpcProxy(server, port);
    await proxy.launch();
    return proxy;
  }

  /** Starts it and waits until it serves. */
  async launch(): Promise<void> {
    const { path } = this.#server.binary;
    const to = ['--endpoints', this.#server.address, '--listen-addr', this.#address, '--data-dir', this.#folder];
    this.#child = spawn(path, ['grpc-proxy', 'start', ...to], { stdio: 'ignore' });
    const raw = new RawEtcd(this.#address);
    try {
      await eventually(async () => (await raw.revision()) > 0n, { timeoutMs: 60_000, what: 'the grpc-proxy serving' });
    } finally {
      raw.close();
    }
  }

  /** SIGTERM, then waits for its exit. */
  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const forced = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(forced);
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
