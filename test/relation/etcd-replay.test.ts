/**
 * The hooks that the genuine Python class (interface-etcd on charms.reactive) was recorded in, with our class in its place: the
 * databags stay byte for byte the same, and flags and answers are equal but for the deviations listed here, each a mended defect.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EtcdRequires, Reactive, type Charm } from '../../src/main/relation/index.js';
import { FakeAgent } from './fake-tools/fake-agent.js';
import { RecordedBackend, recording, type RecordedHook } from './recorded-hooks.js';

interface Outcome {
  readonly flags: readonly string[];
  readonly events: readonly (readonly [string, unknown])[];
}

/** Where we differ, by recording and index of the hook, with the defect that is mended. */
interface Deviation extends Outcome {
  readonly why: string;
}

const CONNECTED = ['etcd.connected'];
const ALL = ['etcd.available', 'etcd.connected', 'etcd.tls.available'];

/** What the recorded charm's handlers note for flags. */
function noted(hook: string, connection?: readonly [string | null, string | null], tls?: object): Outcome['events'] {
  return [
    [hook, 'connected'],
    ...(connection === undefined ? [] : [[hook, ['available', ...connection]] as const]),
    ...(tls === undefined ? [] : [[hook, ['tls', tls]] as const]),
  ];
}

const RETRACTED = 'a retracted connection string or key takes back what needs it (Python: flags stay set for ever)';
const ALL_GONE = 'no unit is left, so nothing is available (Python: flags stay set, accessors give None)';
const STILL_HEALTHY = 'the other relation is healthy (Python: one broken relation clears the flags of all)';
const OTHER_APP = 'the unit that departs is used no longer (Python: it reacts to no departing unit)';
const GHOST = 'no unit has joined yet (Python: the empty JUJU_REMOTE_UNIT becomes a member for ever)';

const TLS = { client_cert: 'C', client_key: 'K', client_ca: 'A' };
const OTHER: readonly [string, string] = ['https://9.9.9.9:2379', '3.5.18'];

const DEVIATIONS: Readonly<Record<string, Readonly<Record<number, Deviation>>>> = {
  'reactive-t1': {
    6: { why: RETRACTED, flags: CONNECTED, events: noted('etcd-relation-changed') },
    7: { why: ALL_GONE, flags: CONNECTED, events: noted('etcd-relation-departed') },
    8: { why: ALL_GONE, flags: CONNECTED, events: noted('update-status') },
    13: { why: ALL_GONE, flags: CONNECTED, events: noted('etcd-relation-departed') },
  },
  'reactive-t3': {
    2: { why: OTHER_APP, flags: ALL, events: noted('etcd-relation-departed', OTHER, TLS) },
    3: { why: STILL_HEALTHY, flags: ALL, events: noted('etcd-relation-broken', OTHER, TLS) },
    4: { why: STILL_HEALTHY, flags: ALL, events: noted('update-status', OTHER, TLS) },
  },
  'reactive-t8': {
    1: { why: GHOST, flags: [], events: [['etcd-relation-changed', 'not-connected']] },
  },
};

/** The recorded charm: notes for each hook which of its handlers ran and what the accessors gave. */
async function recordedCharm(...[backend]: Parameters<Charm>): Promise<Outcome> {
  const etcd = await EtcdRequires.load(backend, 'etcd');
  const reactive = new Reactive(backend, { endpoints: [etcd] });
  const events: (readonly [string, unknown])[] = [];
  const note = (what: unknown): void => void events.push([backend.context.hook, what]);
  reactive
    .whenNot('{relation_name}.connected', () => note('not-connected'))
    .when('{relation_name}.connected', () => note('connected'))
    .when('{relation_name}.available', () => note(['available', etcd.getConnectionString(), etcd.getVersion()]))
    .when('{relation_name}.tls.available', () => note(['tls', etcd.getClientCredentials()]));
  await reactive.dispatch();
  return { flags: reactive.flags(), events };
}

async function replay(name: string, run: (charm: Charm) => Charm): Promise<void> {
  const state = new Map<string, string>();
  for (const [index, recorded] of recording(name).entries()) {
    const backend = new RecordedBackend(recorded, state);
    let outcome: Outcome | undefined;
    await run(async (reached) => {
      outcome = await recordedCharm(reached);
    })(backend);
    const expected: RecordedHook | Deviation = DEVIATIONS[name]?.[index] ?? recorded;
    expect({ index, ...outcome }).toEqual({ index, flags: expected.flags, events: expected.events });
    // Python's requiring side leaves the databags as they are.
    expect(backend.writes).toEqual([]);
  }
}

describe.each(['reactive-t1', 'reactive-t3', 'reactive-t8'])('%s', (name) => {
  it('replays', async () => {
    await replay(name, (charm) => charm);
  });

  it('differs from Python wherever a deviation is listed', () => {
    const hooks = recording(name);
    for (const [index, deviation] of Object.entries(DEVIATIONS[name] ?? {})) {
      const { flags, events } = hooks[Number(index)] ?? { flags: undefined, events: undefined };
      expect({ flags: deviation.flags, events: deviation.events }, deviation.why).not.toEqual({ flags, events });
    }
  });
});

// The longest one would take most of the time and show the same.
describe.each(['reactive-t3', 'reactive-t8'])('%s', (name) => {
  let agent: FakeAgent | undefined;
  beforeAll(async () => {
    agent = await FakeAgent.start();
  });
  afterAll(() => agent?.close());

  it('replays over hook tools', async () => {
    await replay(name, (charm) => agent?.overTools(charm) ?? charm);
    expect(agent?.calls.some(({ tool }) => tool === 'relation-get')).toBe(true);
    expect(agent?.calls.some(({ tool }) => tool === 'relation-set')).toBe(false);
  });
});
