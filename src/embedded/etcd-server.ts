/**
 * The server: composes store, leases, authentication and services, and opens the endpoints. Knows nothing of threads: it runs
 * wherever it is made.
 */
import { randomBytes } from 'node:crypto';
import { AuthStore } from './auth/auth-store.js';
import { PermissionGate } from './auth/permission-gate.js';
import { TokenTable } from './auth/token-table.js';
import type { Clock } from './clock.js';
import { Members } from './cluster/members.js';
import { LockQueue } from './concurrency/lock-queue.js';
import { FaultDesk } from './faults/fault-desk.js';
import { Gateway } from './gateway/gateway.js';
import { Lessor } from './lease/lessor.js';
import { AlarmType, alarmName, Alarms } from './maintenance/alarms.js';
import { RaftIndex } from './maintenance/raft-index.js';
import { ResponseHeaders, type ServerIdentity } from './response-header.js';
import { authService } from './services/auth-service.js';
import { clusterService } from './services/cluster-service.js';
import { electionService } from './services/election-service.js';
import { healthService } from './services/health-service.js';
import { kvService } from './services/kv-service.js';
import { leaseService } from './services/lease-service.js';
import { lockService } from './services/lock-service.js';
import { maintenanceService } from './services/maintenance-service.js';
import type { Service } from './services/service.js';
import { watchService } from './services/watch-service.js';
import { KvStore } from './store/kv-store.js';
import { GrpcListener } from './transport/grpc-listener.js';
import type { ListenAddress, ServerTls } from './transport/server-socket.js';
import { WatchServer } from './watch/watch-server.js';
import { WebPages } from './web/web-pages.js';

/** What a server is started with. */
export interface EtcdServerOptions {
  /** All serve the same store. */
  readonly addresses: readonly ListenAddress[];
  readonly tls?: ServerTls | undefined;
  readonly clock: Clock;
  readonly progressIntervalMs: number;
  /** The largest write, in bytes. */
  readonly maxRequestBytes: number;
  /** Keys with their values, put in one revision before the server is reached. */
  readonly initialData: readonly (readonly [Uint8Array, Uint8Array])[];
}

/** What etcd takes and sends beyond the largest request, for what is around it. */
const OVERHEAD_BYTES = 512 * 1024;

/** A term as a lone member has it after its first election. */
const RAFT_TERM = 2;

/** What etcd calls a member that was given no name, and where it says that its peers reach it. */
const MEMBER = { name: 'default', peerUrls: ['http://localhost:2380'], clientUrls: [], isLearner: false } as const;

/** A running server. */
export class EtcdServer {
  readonly identity: ServerIdentity = { clusterId: randomId(), memberId: randomId(), raftTerm: RAFT_TERM };
  readonly store: KvStore = new KvStore();
  readonly headers: ResponseHeaders = new ResponseHeaders(this.identity, () => this.store.revision);
  readonly clock: Clock;
  readonly lessor: Lessor;
  readonly watches: WatchServer;
  readonly tokens: TokenTable;
  readonly auth: AuthStore;
  readonly alarms: Alarms = new Alarms();
  /** What goes wrong on purpose. */
  readonly faults: FaultDesk;
  readonly #members: Members = new Members({ ...MEMBER, id: this.identity.memberId });
  readonly #maxRequestBytes: number;
  readonly #services: readonly Service[];
  readonly #pages: WebPages;
  readonly #listeners: GrpcListener[] = [];

  private constructor({ clock, progressIntervalMs, maxRequestBytes }: EtcdServerOptions) {
    const { store, identity } = this;
    this.clock = clock;
    this.#maxRequestBytes = maxRequestBytes;
    this.lessor = new Lessor(store, clock, randomLeaseId);
    this.watches = new WatchServer({
      store,
      identity,
      clock,
      progressIntervalMs,
      fragmentBytes: maxRequestBytes + OVERHEAD_BYTES,
    });
    this.tokens = new TokenTable(clock);
    this.auth = new AuthStore(this.tokens);
    this.faults = new FaultDesk({
      store,
      auth: this.auth,
      tokens: this.tokens,
      clock,
      endpoints: () => this.#listeners,
      listen: async (host, port) => (await this.listen({ kind: 'tcp', host, port })).endpoint,
    });
    this.#services = this.faults.wrap(this.#makeServices());
    this.#pages = new WebPages(new Gateway(this.#services, maxRequestBytes + OVERHEAD_BYTES), {
      alarms: () => this.alarms.list(AlarmType.NONE).map(({ type }) => alarmName(type)),
      hasLeader: () => this.faults.hasLeader,
    });
  }

  /** @throws EtcdError when an address cannot be had; then none is kept. */
  static async start(options: EtcdServerOptions): Promise<EtcdServer> {
    const server = new EtcdServer(options);
    if (options.initialData.length > 0) {
      server.store.write((writer) => {
        for (const [key, value] of options.initialData) writer.put(key, value, 0n);
      });
    }
    try {
      for (const address of options.addresses) await server.listen(address, options.tls);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get listeners(): readonly GrpcListener[] {
    return this.#listeners;
  }

  /** Opens one more endpoint over the same store. */
  async listen(address: ListenAddress, tls?: ServerTls): Promise<GrpcListener> {
    const listener = await GrpcListener.open({
      address,
      tls,
      services: this.#services,
      pages: this.#pages,
      maxMessageBytes: this.#maxRequestBytes + OVERHEAD_BYTES,
    });
    this.#listeners.push(listener);
    this.#members.setClientUrls(this.#listeners.map(({ endpoint }) => endpoint));
    return listener;
  }

  /** Ends every call and every connection. */
  async close(): Promise<void> {
    this.lessor.close();
    this.watches.close();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  /** One set for all endpoints. */
  #makeServices(): readonly Service[] {
    const { store, headers, lessor, watches, identity, auth, tokens, alarms } = this;
    const members = this.#members;
    const gate = new PermissionGate(auth, tokens);
    const raft = new RaftIndex();
    store.onChange(() => {
      raft.advance();
    });
    const queue = new LockQueue({ store, gate, alarms, leases: lessor });
    return [
      kvService({ store, headers, leases: lessor, gate, alarms, maxRequestBytes: this.#maxRequestBytes }),
      watchService({ watches, gate }),
      leaseService({ lessor, gate, alarms, headers, revision: () => store.revision }),
      authService({ auth, gate, tokens, headers, raft }),
      clusterService({ members, gate, headers, raft }),
      maintenanceService({ store, gate, alarms, members, identity, headers, raft }),
      lockService(queue, headers),
      electionService(queue, headers),
      healthService(),
    ];
  }
}

/** An id of 63 bits: clients print lease ids as signed numbers. */
function randomLeaseId(): bigint {
  return BigInt.asUintN(63, randomId());
}

/** An id of 64 bits, as etcd's are. */
function randomId(): bigint {
  return randomBytes(8).readBigUInt64BE();
}
