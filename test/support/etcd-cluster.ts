/** Three real etcd members on free ports. Stop, kill, pause and restart members through `members[n]`. */
import { EtcdProcess, PortClashError, type EtcdOptions } from './etcd.js';
import { Etcdctl } from './etcdctl.js';
import { eventually } from './poll.js';
import { freePorts } from './ports.js';

const MEMBERS = 3;
const PORT_ATTEMPTS = 5;

export class EtcdCluster {
  readonly members: readonly EtcdProcess[];

  private constructor(members: readonly EtcdProcess[]) {
    this.members = members;
  }

  /** Starts all members at once and waits until each is healthy. */
  static async start(options: EtcdOptions = {}): Promise<EtcdCluster> {
    for (let attempt = 1; ; attempt += 1) {
      const cluster = await EtcdCluster.#create(options);
      try {
        for (const member of cluster.members) member.launch();
        // Settled, not all: a rejected start must not leave others waiting in the background.
        const started = await Promise.allSettled(cluster.members.map((member) => member.waitReady()));
        const failures = started
          .filter((outcome) => outcome.status === 'rejected')
          .map(({ reason }): unknown => reason);
        if (failures.length === 0) return cluster;
        throw failures.find((failure) => failure instanceof PortClashError) ?? failures[0];
      } catch (error) {
        await cluster.close();
        if (!(error instanceof PortClashError) || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  static async #create(options: EtcdOptions): Promise<EtcdCluster> {
    const ports = await freePorts(3 * MEMBERS);
    const places = Array.from({ length: MEMBERS }, (_, index) => ({
      name: `member${String(index + 1)}`,
      clientPort: ports[3 * index] ?? 0,
      peerPort: ports[3 * index + 1] ?? 0,
      metricsPort: ports[3 * index + 2] ?? 0,
    }));
    const initialCluster = places.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${String(peerPort)}`).join(',');
    return new EtcdCluster(places.map((place) => EtcdProcess.create(options, { ...place, initialCluster })));
  }

  get endpoints(): string[] {
    return this.members.map(({ endpoint }) => endpoint);
  }

  /** The member that leads, once all running members agree on one. */
  async leader(timeoutMs: number = 100_000): Promise<EtcdProcess> {
    return eventually(
      async () => {
        const running = this.members.filter((member) => member.running);
        const statuses = await Promise.all(running.map((member) => new Etcdctl(member).status()));
        const leaderId = statuses[0]?.leaderId ?? 0n;
        if (leaderId === 0n || statuses.some((status) => status.leaderId !== leaderId)) return undefined;
        return running[statuses.findIndex(({ memberId }) => memberId === leaderId)];
      },
      { timeoutMs, intervalMs: 50, what: 'a leader that all running members agree on' },
    );
  }

  /** Running members that do not lead. */
  async followers(): Promise<EtcdProcess[]> {
    const leader = await this.leader();
    return this.members.filter((member) => member.running && member !== leader);
  }

  /** The last lines of each member's log. */
  logs(lastLines: number = 40): string {
    return this.members.map((member) => `--- ${member.name}\n${member.logs(lastLines)}`).join('\n');
  }

  /** Kills all members and removes their data. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
