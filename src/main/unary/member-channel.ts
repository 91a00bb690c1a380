/**
 * The connection for unary calls to one member: one grpc-js client, made when it is first needed, with a subchannel pool of
 * its own so that nothing is shared with streams or other engines. Main thread. Does not retry or choose members.
 */
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import {
  Client,
  connectivityState,
  credentials,
  Metadata,
  status,
  type ChannelCredentials,
  type ChannelOptions,
  type VerifyOptions,
} from '@grpc/grpc-js';
import type { ConnectionSettings, Endpoint, TlsMaterial } from '../../wire/connection-settings.js';
import { EtcdError } from '../../wire/errors.js';
import { tlsContextOptions } from '../../wire/tls-context.js';
import { performanceNow } from '../../wire/timers.js';
import { MemberLife } from './member-life.js';

/** grpc-js's own reconnecting, also while no call waits. */
const RECONNECT_INITIAL_MS = 100;
const RECONNECT_MAX_MS = 2_000;

/** Asked to see whether a member answers: one key that nobody has, from what the member itself holds; needs no quorum. */
const QUESTION_PATH = '/etcdserverpb.KV/Range';
/** A RangeRequest: key `\0`, serializable, count_only. */
const QUESTION: Buffer = Buffer.from([0x0a, 0x01, 0x00, 0x38, 0x01, 0x48, 0x01]);

export class MemberChannel {
  readonly endpoint: Endpoint;
  readonly #settings: ConnectionSettings;
  #client: Client | undefined;
  #life: MemberLife;
  /** When the attempt began that has not come to anything yet. */
  #connectingSinceMs: number | undefined;
  #isClosed = false;

  constructor(endpoint: Endpoint, settings: ConnectionSettings) {
    this.endpoint = endpoint;
    this.#settings = settings;
    this.#life = this.#newLife();
  }

  /** Whether the connection of this moment answers. */
  get life(): MemberLife {
    return this.#life;
  }

  /**
   * Gives a connection up that has gone silent: the next call connects anew. Calls that still wait on it keep their time
   * limits.
   *
   * @param life the one found silent; nothing happens where it has been given up already.
   */
  renew(life: MemberLife): void {
    if (life !== this.#life || this.#isClosed) return;
    this.#client?.close();
    this.#client = undefined;
    this.#connectingSinceMs = undefined;
    this.#life = this.#newLife();
  }

  /** The client, connecting from now on. Throws `invalid-argument` for TLS material that cannot be read. */
  get client(): Client {
    if (this.#isClosed) throw new EtcdError('the connection is closed', { code: 'closed' });
    this.#client ??= new Client(
      target(this.endpoint),
      channelCredentials(this.endpoint, this.#settings.tls),
      options(this.endpoint, this.#settings),
    );
    return this.#client;
  }

  /** Whether a connection has been asked for. */
  get isStarted(): boolean {
    return this.#client !== undefined;
  }

  /** Where the connection is; starts connecting where it is not. */
  connect(): 'ready' | 'failing' | 'connecting' {
    const state = this.client.getChannel().getConnectivityState(true);
    switch (state) {
      case connectivityState.READY:
      case connectivityState.TRANSIENT_FAILURE:
      case connectivityState.SHUTDOWN:
        this.#connectingSinceMs = undefined;
        return state === connectivityState.READY ? 'ready' : 'failing';
      default:
        this.#againWhenLate();
        return 'connecting';
    }
  }

  /** grpc-js gives an attempt 20 s and more: one that takes longer than allowed is ended, and the next begins. */
  #againWhenLate(): void {
    const now = performanceNow();
    this.#connectingSinceMs ??= now;
    if (now - this.#connectingSinceMs < this.#settings.connectTimeoutMs) return;
    this.renew(this.#life);
    this.#connectingSinceMs = now;
    this.client.getChannel().getConnectivityState(true);
  }

  /** Calls once when the connection's state has changed from what it is now, or after so long. */
  onChange(limitMs: number, callback: () => void): void {
    const channel = this.client.getChannel();
    // With a date in the past grpc-js calls back at once, which is a change as good as any.
    channel.watchConnectivityState(channel.getConnectivityState(false), Date.now() + limitMs, callback);
  }

  close(): void {
    this.#isClosed = true;
    this.#client?.close();
  }

  #newLife(): MemberLife {
    return new MemberLife((timeoutMs) => this.#question(timeoutMs), performanceNow);
  }

  /** Every answer is a sign of life, a refusal as well. */
  #question(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const client = this.#client;
      if (client === undefined) {
        resolve(false);
        return;
      }
      const same = (bytes: Buffer): Buffer => bytes;
      const deadline = Date.now() + timeoutMs;
      client.makeUnaryRequest(QUESTION_PATH, same, same, QUESTION, new Metadata(), { deadline }, (error) =>
        resolve(error?.code !== status.DEADLINE_EXCEEDED),
      );
    });
  }
}

function target(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix')
    return endpoint.path.startsWith('/') ? `unix://${endpoint.path}` : `unix:${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `dns:///${host}:${String(endpoint.port)}`;
}

function options(endpoint: Endpoint, settings: ConnectionSettings): ChannelOptions {
  return {
    // A range may be of any size; the default of 4 MiB would end such calls (and, in peers, all later ones).
    'grpc.max_receive_message_length': -1,
    'grpc.max_send_message_length': -1,
    // Pings go out only while calls are open: etcd closes connections that ping without.
    'grpc.keepalive_time_ms': settings.pingIntervalMs,
    'grpc.keepalive_timeout_ms': settings.pingTimeoutMs,
    'grpc.keepalive_permit_without_calls': 0,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_INITIAL_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MAX_MS,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_channelz': 0,
    'grpc.service_config_disable_resolution': 1,
    // Proxies of the environment belong to the transport that was chosen for them; node:http2 knows none.
    'grpc.enable_http_proxy': settings.transport === 'grpc-js' ? 1 : 0,
    'grpc-node.flow_control_window': settings.streamWindowBytes,
    ...tlsNames(endpoint, settings.tls),
  };
}

/**
 * The name for SNI and for the certificate. For a bare IP address grpc-js would send the address as SNI, which RFC 6066 forbids
 * and Node prints a warning for; so a name that means nothing goes out, and the check is against the address (see below).
 */
function tlsNames(endpoint: Endpoint, tls: TlsMaterial | undefined): ChannelOptions {
  if (!endpoint.tls) return {};
  if (tls?.serverName !== undefined && isIP(tls.serverName) === 0) {
    return { 'grpc.ssl_target_name_override': tls.serverName, 'grpc.default_authority': tls.serverName };
  }
  return checkedAddress(endpoint, tls) === undefined ? {} : { 'grpc.ssl_target_name_override': 'etcd' };
}

function verification(endpoint: Endpoint, tls: TlsMaterial | undefined): VerifyOptions {
  if (tls?.insecureSkipVerify === true) return { rejectUnauthorized: false, checkServerIdentity: () => undefined };
  const address = checkedAddress(endpoint, tls);
  if (address === undefined) return {};
  return { checkServerIdentity: (_name, certificate) => checkServerIdentity(address, certificate) };
}

/** The IP address that the certificate is checked against; undefined where it is a name. */
function checkedAddress(endpoint: Endpoint, tls: TlsMaterial | undefined): string | undefined {
  const host = tls?.serverName ?? (endpoint.kind === 'tcp' ? endpoint.host : 'localhost');
  return isIP(host) === 0 ? undefined : host;
}

function channelCredentials(endpoint: Endpoint, tls: TlsMaterial | undefined): ChannelCredentials {
  if (!endpoint.tls) return credentials.createInsecure();
  try {
    return credentials.createFromSecureContext(
      createSecureContext(tlsContextOptions(tls)),
      verification(endpoint, tls),
    );
  } catch (error) {
    // OpenSSL names the routine that failed, never the material.
    throw new EtcdError(
      'the option tls holds a certificate or key that cannot be read: give PEM, and cert and key together',
      {
        code: 'invalid-argument',
        outcome: 'not-sent',
        endpoint: endpoint.text,
        cause: error,
      },
    );
  }
}
