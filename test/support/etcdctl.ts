/**
 * Runs the etcdctl beside the etcd binary and reads its JSON: an independent client for set-up and for what only it can do
 * (authentication, status of one member, locks and elections in its key layout). Each call is a process of some 20 ms:
 * for many writes use RawEtcd or a load writer.
 */
import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import type { EtcdBinary } from './etcd-binary.js';

export interface EtcdctlOptions {
  /** `name:password` */
  readonly user?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface CtlKeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  readonly version: bigint;
  readonly leaseId: bigint;
}

export interface CtlStatus {
  readonly version: string;
  readonly memberId: bigint;
  /** 0 without a leader. */
  readonly leaderId: bigint;
  readonly revision: bigint;
}

/** Who may do what once authentication is on. */
export interface CtlUser {
  readonly name: string;
  readonly password: string;
  readonly grants?: readonly { readonly permission: 'read' | 'write' | 'readwrite'; readonly prefix: string }[];
}

/** A parsed JSON object whose numbers, being 64-bit, are bigint. */
export type CtlJson = Readonly<Record<string, unknown>>;

export class Etcdctl {
  readonly #server: { readonly binary: EtcdBinary; readonly endpoint: string };
  readonly #options: EtcdctlOptions;

  constructor(server: { readonly binary: EtcdBinary; readonly endpoint: string }, options: EtcdctlOptions = {}) {
    this.#server = server;
    this.#options = options;
  }

  /** The same server as another user, `name:password`. */
  as(user: string): Etcdctl {
    return new Etcdctl(this.#server, { ...this.#options, user });
  }

  /** Gives the revision of the write. */
  async put(key: string, value: string, leaseId?: bigint): Promise<bigint> {
    const lease = leaseId === undefined ? [] : [`--lease=${hexadecimal(leaseId)}`];
    return headerRevision(await this.json(['put', ...lease, '--', key, value]));
  }

  /** All keys of a range; `flags` such as `--prefix` or `--rev=7`. */
  async get(key: string, ...flags: readonly string[]): Promise<CtlKeyValue[]> {
    return list((await this.json(['get', ...flags, '--', key]))['kvs']).map((kv) => ({
      key: text(kv['key']),
      value: text(kv['value']),
      createRevision: integer(kv['create_revision']),
      modRevision: integer(kv['mod_revision']),
      version: integer(kv['version']),
      leaseId: integer(kv['lease']),
    }));
  }

  /** Gives the number of keys deleted. */
  async del(key: string, ...flags: readonly string[]): Promise<number> {
    return Number(integer((await this.json(['del', ...flags, '--', key]))['deleted']));
  }

  async compact(revision: bigint): Promise<void> {
    await this.run(['compact', '--physical', String(revision)]);
  }

  /** Operations in etcdctl's own words, such as `put a 1`; all in one revision. Gives that revision. */
  async txn(...operations: readonly string[]): Promise<bigint> {
    return headerRevision(await this.json(['txn'], `\n${operations.join('\n')}\n\n\n`));
  }

  async grantLease(ttlSeconds: number): Promise<bigint> {
    return integer((await this.json(['lease', 'grant', String(ttlSeconds)]))['ID']);
  }

  async revokeLease(leaseId: bigint): Promise<void> {
    await this.run(['lease', 'revoke', hexadecimal(leaseId)]);
  }

  async leases(): Promise<bigint[]> {
    return list((await this.json(['lease', 'list']))['leases']).map((lease) => integer(lease['id']));
  }

  /** `ttlSeconds` is -1 when there is no such lease. */
  async timeToLive(leaseId: bigint): Promise<{ ttlSeconds: bigint; grantedSeconds: bigint; keys: string[] }> {
    const answer = await this.json(['lease', 'timetolive', '--keys', hexadecimal(leaseId)]);
    const keys = Array.isArray(answer['keys']) ? answer['keys'].map(text) : [];
    return { ttlSeconds: integer(answer['ttl']), grantedSeconds: integer(answer['granted-ttl']), keys };
  }

  /** Of the member asked, even when it has no leader. */
  async status(): Promise<CtlStatus> {
    const [first] = parse(await this.run(['endpoint', 'status', '-w', 'json'])) as CtlJson[]; // one row per endpoint
    const status = object(first?.['Status']);
    const header = object(status['header']);
    return {
      version: String(status['version']),
      memberId: integer(header['member_id']),
      leaderId: integer(status['leader']),
      revision: integer(header['revision']),
    };
  }

  /** Makes the user `root` with this password and the others with a role of their own each, then turns authentication on. */
  async enableAuth(rootPassword: string, users: readonly CtlUser[] = []): Promise<void> {
    await this.run(['user', 'add', `root:${rootPassword}`]);
    await this.run(['role', 'add', 'root']);
    await this.run(['user', 'grant-role', 'root', 'root']);
    for (const { name, password, grants = [] } of users) {
      await this.run(['user', 'add', `${name}:${password}`]);
      await this.run(['role', 'add', name]);
      for (const { permission, prefix } of grants) {
        await this.run(['role', 'grant-permission', '--prefix=true', name, permission, prefix]);
      }
      await this.run(['user', 'grant-role', name, name]);
    }
    await this.run(['auth', 'enable']);
  }

  /** Any command that prints one JSON object. */
  async json(args: readonly string[], input?: string): Promise<CtlJson> {
    return object(parse(await this.run(['-w', 'json', ...args], input)));
  }

  /** Any command; gives its stdout. Rejects with its stderr when it fails. */
  run(args: readonly string[], input: string = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = { env: environment(), maxBuffer: 256 << 20, timeout: 200_000 };
      const child = execFile(
        this.#server.binary.etcdctlPath,
        this.#arguments(args),
        options,
        (error, stdout, stderr) => {
          if (error === null) resolve(stdout);
          else reject(new Error(`etcdctl ${args[0] ?? ''} failed: ${stderr.trim()}`, { cause: error }));
        },
      );
      // It may end before it has read: what it ended with tells more.
      child.stdin?.on('error', () => undefined).end(input);
    });
  }

  /** A command that keeps running, such as `lock name` or `watch`. The caller kills it; it dies with this process at the latest. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn(this.#server.binary.etcdctlPath, this.#arguments(args), { env: environment(), stdio: 'pipe' });
    const kill = (): void => void child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    return child;
  }

  #arguments(args: readonly string[]): string[] {
    const { user, caFile, certFile, keyFile } = this.#options;
    const flags = { endpoints: this.#server.endpoint, user, cacert: caFile, cert: certFile, key: keyFile };
    const given = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
    return [...given, ...args];
  }
}

/** Settings of the developer's own etcdctl must not reach this one. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD'));
  return { ...Object.fromEntries(own), ETCDCTL_API: '3' };
}

/** etcdctl takes and prints lease ids in hexadecimal, negative ones as their 64 bits. */
function hexadecimal(leaseId: bigint): string {
  return BigInt.asUintN(64, leaseId).toString(16);
}

/** JSON.parse rounds 64-bit numbers: they are read as text first. Keys and values are base64 and cannot look like this. */
function parse(json: string): unknown {
  const quoted = json.replace(/([:[,]\s*)(-?\d+)(?=\s*[,}\]])/g, '$1"#$2"');
  return JSON.parse(quoted, (_name, value: unknown) =>
    typeof value === 'string' && /^#-?\d+$/.test(value) ? BigInt(value.slice(1)) : value,
  );
}

function object(value: unknown): CtlJson {
  if (typeof value !== 'object' || value === null) throw new Error('etcdctl printed no JSON object');
  return value as CtlJson; // checked on the line above; arrays do not occur here
}

function list(value: unknown): CtlJson[] {
  return Array.isArray(value) ? value.map(object) : [];
}

/** Left out means zero in etcdctl's JSON. */
function integer(value: unknown): bigint {
  return typeof value === 'bigint' ? value : 0n;
}

function text(base64: unknown): string {
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64').toString() : '';
}

function headerRevision(answer: CtlJson): bigint {
  return integer(object(answer['header'])['revision']);
}
