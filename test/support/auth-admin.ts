/**
 * Sets users and roles up over a server's JSON gateway, which every etcd and the embedded server have: no etcdctl is needed. And
 * what `etcd` is started with for tokens that do not last.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface AdminUser {
  readonly name: string;
  readonly password: string;
  /** Prefixes that it may read and write. */
  readonly prefixes: readonly string[];
}

const ROOT_PASSWORD = 'root-secret-9';

export class AuthAdmin {
  readonly #endpoint: string;
  #isOn = false;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  /** Adds root, these users with a role of the same name each, and turns authentication on. */
  async enable(users: readonly AdminUser[]): Promise<void> {
    await this.call('auth/user/add', { name: 'root', password: ROOT_PASSWORD });
    await this.call('auth/role/add', { name: 'root' });
    await this.call('auth/user/grant', { user: 'root', role: 'root' });
    for (const user of users) await this.add(user);
    await this.turnOn();
  }

  async add({ name, password, prefixes }: AdminUser): Promise<void> {
    await this.call('auth/user/add', { name, password });
    await this.call('auth/role/add', { name });
    for (const prefix of prefixes) await this.grant(name, prefix);
    await this.call('auth/user/grant', { user: name, role: name });
  }

  async turnOn(): Promise<void> {
    await this.call('auth/enable', {});
    this.#isOn = true;
  }

  async turnOff(): Promise<void> {
    await this.call('auth/disable', {});
    this.#isOn = false;
  }

  async grant(role: string, prefix: string): Promise<void> {
    await this.call('auth/role/grant', {
      name: role,
      perm: { permType: 'READWRITE', key: base64(prefix), range_end: base64(endOf(prefix)) },
    });
  }

  async revoke(role: string, prefix: string): Promise<void> {
    await this.call('auth/role/revoke', { role, key: base64(prefix), range_end: base64(endOf(prefix)) });
  }

  async changePassword(name: string, password: string): Promise<void> {
    await this.call('auth/user/changepw', { name, password });
  }

  async put(key: string, value: string, leaseId?: bigint): Promise<void> {
    await this.call('kv/put', {
      key: base64(key),
      value: base64(value),
      ...(leaseId === undefined ? {} : { lease: String(leaseId) }),
    });
  }

  /** Any call as root. Rejects with what the server says. */
  async call(path: string, body: object): Promise<unknown> {
    const token = this.#isOn ? await this.#login() : undefined;
    return this.#post(path, body, token);
  }

  async #login(): Promise<string> {
    const answer = await this.#post('auth/authenticate', { name: 'root', password: ROOT_PASSWORD }, undefined);
    return String((answer as { readonly token: unknown }).token); // etcd's answer
  }

  async #post(path: string, body: object, token: string | undefined): Promise<unknown> {
    const response = await fetch(`${this.#endpoint}/v3/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: token === undefined ? {} : { Authorization: token },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${String(response.status)} ${text}`);
    return JSON.parse(text);
  }
}

/** How often somebody has logged in, as the server counts; root's own logins included. */
export async function loginCount(endpoint: string): Promise<number> {
  const text = await (await fetch(`${endpoint}/metrics`)).text();
  const line = /^grpc_server_started_total\{[^}]*grpc_method="Authenticate"[^}]*\} (\S+)$/mu.exec(text);
  return Number(line?.[1] ?? 0);
}

/** Tokens that run out when they were not used for so long. */
export function simpleTokens(ttlSeconds: number): string[] {
  return [`--auth-token-ttl=${String(ttlSeconds)}`, '--bcrypt-cost=4'];
}

/** Tokens that run out so long after the login, whatever happens, and are outdated by each change of users and roles. */
export class JwtKeys {
  readonly #folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-jwt-'));

  flags(ttlSeconds: number): string[] {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    const [publicFile, privateFile] = [join(this.#folder, 'public.pem'), join(this.#folder, 'private.pem')];
    writeFileSync(publicFile, publicKey);
    writeFileSync(privateFile, privateKey, { mode: 0o600 });
    const jwt = `jwt,pub-key=${publicFile},priv-key=${privateFile},sign-method=RS256,ttl=${String(ttlSeconds)}s`;
    return [`--auth-token=${jwt}`, '--bcrypt-cost=4'];
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
