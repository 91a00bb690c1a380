/**
 * Two servers that get the same calls in lock step: every outcome is compared when it is there, what watches were told at the
 * end. What one server draws for itself (lease ids, tokens) is kept for each and goes by the same name in both records.
 */
import { Client, credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import { etcdserverpb as rpc } from '../../../src/generated/etcd.js';
import { longFromId, type Long } from '../../../src/embedded/long.js';
import { bigintFromLong } from '../../../src/wire/int64.js';
import { eventually } from '../../support/poll.js';
import { RpcSession, type Entry, type Fields } from '../rpc-session.js';
import { WatchLane, type WatchRequest } from './watch-lane.js';

/** The ids of a server's leases, by the numbers that a program uses: its own up to 99, then those that the server drew. */
export type LeaseId = (number: number) => string;

/** A call that is made on both. */
export interface Operation {
  readonly method: string;
  readonly request: (lease: LeaseId) => object;
  /** Which of the tokens issued so far; a text is sent as it is. */
  readonly token?: number | string | undefined;
}

/** Rewrites an entry before it is compared: what a version answers differently; undefined leaves the call out. */
export type Normalise = (entry: Entry) => Entry | undefined;

export const DRAWN_LEASES = 100;
const DELIVERY_TIMEOUT_MS = 100_000;
const CALLS_SHOWN = 3;

class Side {
  readonly tokens: string[] = [];
  readonly lanes: WatchLane[] = [];
  readonly session: RpcSession;
  readonly #name: string;
  readonly #client: Client;
  readonly #leases: string[] = [];
  #renewals: Renewals | undefined;

  private constructor(name: string, session: RpcSession, address: string) {
    this.#name = name;
    this.session = session;
    this.#client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  static async connect(name: string, address: string): Promise<Side> {
    return new Side(name, await RpcSession.connect(address), address);
  }

  async call({ method, request, token }: Operation): Promise<Fields> {
    const lease: LeaseId = (number) =>
      number < DRAWN_LEASES ? String(number) : (this.#leases[number - DRAWN_LEASES] ?? '987654321');
    const sent = typeof token === 'number' ? (this.tokens[token] ?? 'none') : token;
    const answer = await this.session.call(method, request(lease), { token: sent });
    if (typeof answer['token'] === 'string') {
      this.tokens.push(answer['token']);
      this.session.name(answer['token'], `token${String(this.tokens.length)}`);
    }
    const id = answer['ID'];
    if (method === 'Lease/LeaseGrant' && typeof id === 'string' && id.length > 2) {
      this.#leases.push(id);
      const name = `lease${String(this.#leases.length)}`;
      this.session.name(id, name);
      // This first answer was written down before the name was given.
      const entry = this.session.entries.pop();
      if (entry !== undefined) this.session.entries.push(renamed(entry, id, name));
    }
    return answer;
  }

  get drawnLeases(): number {
    return this.#leases.length;
  }

  openLane(token: number | undefined): void {
    this.lanes.push(new WatchLane(this.#name, this.#client, token === undefined ? undefined : this.tokens[token]));
  }

  async renew(number: number): Promise<string> {
    const id = number < DRAWN_LEASES ? String(number) : this.#leases[number - DRAWN_LEASES];
    this.#renewals ??= new Renewals(this.#client);
    return (await this.#renewals.renew(id ?? '987654321')).replace(id ?? '-', `lease ${String(number)}`);
  }

  close(): void {
    for (const lane of this.lanes) lane.close();
    this.#renewals?.close();
    this.#client.close();
    this.session.close();
  }
}

function renamed(entry: Entry, text: string, name: string): Entry {
  return JSON.parse(JSON.stringify(entry).replaceAll(text, name)) as Entry; // as it was
}

function text(value: Long | null | undefined): string {
  return String(bigintFromLong(value));
}

/** One keep-alive stream. */
class Renewals {
  readonly #call: ClientDuplexStream<Buffer, rpc.LeaseKeepAliveResponse>;
  readonly #answers: string[] = [];

  constructor(client: Client) {
    this.#call = client.makeBidiStreamRequest(
      '/etcdserverpb.Lease/LeaseKeepAlive',
      (bytes: Buffer) => bytes,
      (bytes) => rpc.LeaseKeepAliveResponse.decode(bytes),
      new Metadata(),
    );
    this.#call.on('data', ({ header, ID, TTL }: rpc.LeaseKeepAliveResponse) => {
      this.#answers.push(`${text(ID)} ttl ${text(TTL)} @${text(header?.revision)}`);
    });
    this.#call.on('error', (error) => this.#answers.push(error.message));
  }

  async renew(id: string): Promise<string> {
    this.#call.write(Buffer.from(rpc.LeaseKeepAliveRequest.encode({ ID: longFromId(BigInt(id)) }).finish()));
    await eventually(() => this.#answers.length > 0, { intervalMs: 1, what: 'a keep-alive answer' });
    return this.#answers.splice(0).join();
  }

  close(): void {
    this.#call.cancel();
  }
}

/** Both servers. */
export class Twin {
  /** What was not equal, as texts to read. */
  readonly differences: string[] = [];
  readonly #embedded: Side;
  readonly #etcd: Side;
  readonly #normalise: Normalise;
  readonly #requests: WatchRequest[][] = [];
  #calls = 0;

  private constructor(embedded: Side, etcd: Side, normalise: Normalise) {
    this.#embedded = embedded;
    this.#etcd = etcd;
    this.#normalise = normalise;
  }

  static async connect(embedded: string, etcd: string, normalise: Normalise): Promise<Twin> {
    return new Twin(await Side.connect('embedded', embedded), await Side.connect('etcd', etcd), normalise);
  }

  get tokens(): number {
    return Math.min(this.#embedded.tokens.length, this.#etcd.tokens.length);
  }

  get drawnLeases(): number {
    return Math.min(this.#embedded.drawnLeases, this.#etcd.drawnLeases);
  }

  get lanes(): number {
    return this.#etcd.lanes.length;
  }

  /** The answer of the embedded one. */
  async call(operation: Operation): Promise<Fields> {
    const [answer] = await this.#both((side) => side.call(operation));
    const embedded = this.#embedded.session.entries.at(-1);
    const etcd = this.#etcd.session.entries.at(-1);
    if (embedded !== undefined && etcd !== undefined) this.#compare(embedded, etcd);
    return answer;
  }

  async renew(lease: number): Promise<void> {
    const [embedded, etcd] = await this.#both((side) => side.renew(lease));
    this.#expectEqual(`keep alive lease ${String(lease)}`, embedded, etcd);
  }

  /** Opens a watch stream; gives its number. */
  openLane(token: number | undefined): number {
    this.#embedded.openLane(token);
    this.#etcd.openLane(token);
    this.#requests.push([]);
    return this.lanes - 1;
  }

  async watch(lane: number, request: WatchRequest): Promise<void> {
    this.#requests[lane]?.push(request);
    await this.#onLane(lane, (each) => each.create(request));
  }

  /** Cancels one of the stream's live watches, the one at this place; beyond them, one that there is not. */
  async cancelWatch(lane: number, place: number): Promise<void> {
    await this.settle(lane);
    await this.#onLane(lane, (each) => each.cancel(each.live[place] ?? '77'));
  }

  async progress(lane: number): Promise<void> {
    await this.settle(lane);
    await this.#onLane(lane, async (each) => {
      if (each.live.length > 0) await each.progress();
    });
  }

  /** Everything that has happened has been delivered on all streams. */
  async settleAll(): Promise<void> {
    for (let lane = 0; lane < this.lanes; lane += 1) await this.settle(lane);
  }

  async settle(lane: number): Promise<void> {
    for (;;) {
      await this.#onLane(lane, (each) => each.settle());
      const [embedded, etcd] = [this.#embedded.lanes[lane], this.#etcd.lanes[lane]];
      if (embedded === undefined || etcd === undefined) return;
      await eventually(() => embedded.counts === etcd.counts, { intervalMs: 2, timeoutMs: DELIVERY_TIMEOUT_MS }).catch(
        () => this.#compareLane(lane),
      );
      const [compacted] = etcd.compacted;
      if (compacted === undefined || this.differences.length > 0) return;
      await this.#onLane(lane, (each) => each.cancel(compacted));
    }
  }

  /** The last calls to the real one, with their outcomes. */
  lastCalls(count: number): string[] {
    return this.#etcd.session.entries.slice(-count).map((entry) => JSON.stringify(entry));
  }

  /** Compares what all watches were told. */
  async finish(): Promise<void> {
    await this.settleAll();
    for (let lane = 0; lane < this.lanes; lane += 1) this.#compareLane(lane);
  }

  close(): void {
    this.#embedded.close();
    this.#etcd.close();
  }

  async #onLane(lane: number, run: (lane: WatchLane) => Promise<void>): Promise<void> {
    await this.#both(async ({ lanes }) => {
      const each = lanes[lane];
      if (each !== undefined) await run(each);
    });
  }

  async #both<T>(run: (side: Side) => Promise<T>): Promise<readonly [T, T]> {
    this.#calls += 1;
    return Promise.all([run(this.#embedded), run(this.#etcd)]);
  }

  #compare(embedded: Entry, etcd: Entry): void {
    const expected = this.#normalise(etcd);
    if (expected === undefined) return;
    this.#expectEqual(etcd.call, this.#normalise(embedded), expected);
  }

  #compareLane(lane: number): void {
    const [embedded, etcd] = [this.#embedded.lanes[lane], this.#etcd.lanes[lane]];
    const requests = this.#requests[lane] ?? [];
    for (let at = 0; at < Math.max(embedded?.watches.length ?? 0, etcd?.watches.length ?? 0); at += 1) {
      const { key, rangeEnd, ...rest } = requests[at] ?? { key: Buffer.alloc(0) };
      const range = [key, rangeEnd].map((bytes) => (bytes === undefined ? '' : Buffer.from(bytes).toString('latin1')));
      const what = `watch ${String(at)} of stream ${String(lane)}: ${JSON.stringify({ range, ...rest })}`;
      this.#expectEqual(what, embedded?.watches[at], etcd?.watches[at]);
    }
    const what = `progress answers of stream ${String(lane)}`;
    this.#expectEqual(what, embedded?.progressAnswers, etcd?.progressAnswers);
  }

  #expectEqual(what: string, embedded: unknown, etcd: unknown): void {
    const [mine, theirs] = [JSON.stringify(embedded), JSON.stringify(etcd)];
    if (mine === theirs) return;
    const at = `${String(this.#calls)}. ${what}\n  embedded: ${mine}\n  etcd:     ${theirs}`;
    this.differences.push(`${at}\n  after:\n${this.lastCalls(CALLS_SHOWN).join('\n')}`);
  }
}
