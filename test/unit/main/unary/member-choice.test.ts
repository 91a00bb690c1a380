/** Which member takes a call: of links whose connections the test decides on. */
import { describe, expect, it } from 'vitest';
import { CallScope } from '../../../../src/main/unary/call-scope.js';
import { MemberChoice } from '../../../../src/main/unary/member-choice.js';
import { MemberSet } from '../../../../src/main/unary/member-set.js';
import type { LinkParts } from '../../../../src/main/unary/member-link.js';
import { MemberHealth } from '../../../../src/member/member-health.js';
import type { GrpcConnection } from '../../../../src/grpc/grpc-connection.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { SimulatedTimers } from '../../member/simulated-timers.js';
import { FakeConnection } from './fake-link.js';
import { settingsFor } from './scripted-server.js';

type Fate = 'connects' | 'refuses' | 'silent' | 'answers HTTP 500';

const NAMES = ['http://a:1', 'http://b:1', 'http://c:1'];
const READ = { repeatable: true, requireLeader: false } as const;

/** Members of which each has a fate; notes who was connected to, and when. */
class Rig {
  readonly timers = new SimulatedTimers();
  readonly health = new MemberHealth(
    () => this.timers.nowMs,
    () => 0,
  );
  readonly began: [name: string, atMs: number][] = [];
  readonly fates: Record<string, Fate>;
  readonly parts: LinkParts;
  members: MemberSet;
  readonly scope = new CallScope({}, 3_600_000, new Set());
  failure: EtcdError | undefined;
  readonly #names = new Map<GrpcConnection, string>();

  constructor(...fates: Fate[]) {
    this.fates = Object.fromEntries(NAMES.map((name, place) => [name, fates[place] ?? 'silent']));
    this.parts = {
      transport: () =>
        Promise.resolve((endpoint, _settings, handlers) => {
          this.began.push([endpoint.text, this.timers.nowMs]);
          const connection = new FakeConnection(handlers, this.#meet(endpoint.text));
          this.#names.set(connection, endpoint.text);
          return connection;
        }),
      timers: this.timers,
      now: () => this.timers.nowMs,
      random: () => 0,
      identify: (connection) =>
        this.fates[this.#names.get(connection) ?? ''] === 'answers HTTP 500'
          ? Promise.reject(new EtcdError('HTTP 500', { code: 'protocol-error', outcome: 'not-sent' }))
          : Promise.resolve(true),
      onFailure: (name) => this.health.failed(name),
    };
    this.members = new MemberSet(settingsFor(NAMES.slice(0, fates.length)), this.parts);
  }

  choice(first = 0, options: { readonly mayRepeat?: () => boolean } = {}): MemberChoice {
    const parts = { health: this.health, timers: this.timers, random: () => 0 };
    return new MemberChoice(parts, { ...READ, ...options }, first);
  }

  /** What a search has come to so far: the name of a member. */
  search(choice = this.choice()): string[] {
    const found: string[] = [];
    void choice.search(this.members, this.scope).then(
      (chosen) => found.push(chosen?.link.endpoint.text ?? 'others now'),
      (error: unknown) => (this.failure = error as EtcdError),
    );
    return found;
  }

  #meet(name: string): Promise<void> {
    if (this.fates[name] === 'connects') return Promise.resolve();
    if (this.fates[name] === 'silent') return new Promise(() => undefined);
    if (this.fates[name] === 'answers HTTP 500') return Promise.resolve();
    return Promise.reject(new EtcdError('refused', { code: 'connect-failed', outcome: 'not-sent' }));
  }
}

describe('a member that failed lately', () => {
  it('is asked again beside one in favour that does not connect, a second after that', async () => {
    const rig = new Rig('connects', 'silent');
    rig.health.failed('http://a:1');
    rig.health.failed('http://a:1');
    rig.health.failed('http://a:1');
    const found = rig.search();
    await rig.timers.pass(999);
    expect([found, rig.began.map(([name]) => name)]).toEqual([[], ['http://b:1']]);
    await rig.timers.pass(1);
    expect(found).toEqual(['http://a:1']);
    rig.scope.dispose();
  });

  it('is asked at once where those in favour refuse, and with the usual head start where all failed lately', async () => {
    const rig = new Rig('connects', 'refuses');
    rig.health.failed('http://a:1');
    const found = rig.search();
    await rig.timers.pass(0);
    expect(found).toEqual(['http://a:1']);

    const all = new Rig('silent', 'connects');
    all.health.failed('http://a:1');
    all.health.failed('http://b:1');
    const one = all.search();
    await all.timers.pass(250);
    expect(one).toEqual(['http://b:1']);
    rig.scope.dispose();
    all.scope.dispose();
  });

  it('takes no call although it is connected, while another one is, and takes its turn later', async () => {
    const rig = new Rig('connects', 'connects');
    await Promise.all(rig.members.links.map((link) => link.usable(true)));
    rig.health.failed('http://a:1');
    const chosen = (): (string | undefined)[] =>
      [0, 1].map((first) => rig.choice(first).now(rig.members)?.link.endpoint.text);
    expect(chosen()).toEqual(['http://b:1', 'http://b:1']);
    rig.timers.nowMs += 501;
    expect(chosen()).toEqual(['http://a:1', 'http://b:1']);
    rig.scope.dispose();
  });
});

describe('a call that searches', () => {
  it('goes on, with pauses, until a member is there', async () => {
    const rig = new Rig('refuses', 'refuses');
    const found = rig.search();
    await rig.timers.pass(30_000);
    // Each about once a second.
    expect(rig.began.length).toBeLessThan(2 * 36);
    rig.fates['http://b:1'] = 'connects';
    await rig.timers.pass(2_000);
    expect(found).toEqual(['http://b:1']);
    rig.scope.dispose();
  });

  it('shares its attempts with all others that search', async () => {
    const rig = new Rig('refuses', 'silent', 'refuses');
    for (let call = 0; call < 50; call += 1) rig.search(rig.choice(call));
    await rig.timers.pass(30_000);
    expect(rig.began.length).toBeLessThan(2 * 36 + 1);
    rig.scope.dispose();
  });

  it('is woken by a change of the members', async () => {
    const rig = new Rig('silent');
    const found = rig.search();
    await rig.timers.pass(1_000);
    rig.members.retire();
    await rig.timers.pass(0);
    expect([found, rig.timers.pending]).toEqual([['others now'], 0]);
    rig.scope.dispose();
  });

  it('ends with the failure where its caller wants no further attempt', async () => {
    const rig = new Rig('refuses');
    rig.search(rig.choice(0, { mayRepeat: () => false }));
    await rig.timers.pass(60_000);
    expect([rig.failure?.code, rig.failure?.outcome, rig.began.length]).toEqual(['unavailable', 'not-sent', 1]);
    rig.scope.dispose();
  });
});

describe('a member that answers with what no etcd says', () => {
  it('does not fail a call that another member serves', async () => {
    const rig = new Rig('answers HTTP 500', 'connects');
    const found = rig.search();
    await rig.timers.pass(1_000);
    expect([found, rig.failure]).toEqual([['http://b:1'], undefined]);
    rig.scope.dispose();
  });

  it('is told where all members do', async () => {
    const rig = new Rig('answers HTTP 500', 'answers HTTP 500');
    rig.search();
    await rig.timers.pass(5_000);
    expect(rig.failure).toMatchObject({ code: 'protocol-error' });
    rig.scope.dispose();
  });
});
