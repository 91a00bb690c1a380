/**
 * Recordings of the genuine Python libraries of etcd_client, replayed with our classes in one side's place, then the other's: databags are
 * equal byte by byte once secret ids, and salts where they are random, are named alike.
 */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JujuBackend } from '../../src/main/relation/backend.js';
import { v0AnswerDatabag } from '../../src/main/relation/etcd-client/client-answer.js';
import { readRequests, requestDatabag, requestIdOf } from '../../src/main/relation/etcd-client/client-request.js';
import { pythonJson } from '../../src/main/relation/python-json.js';
import { ENDPOINT, makeMaterial, World, type Material } from './etcd-client-world.js';

interface Step {
  readonly unit: string;
  readonly hook: string;
  readonly exit: number;
  readonly events: readonly (readonly (string | null)[])[];
  readonly databagsAfter: Readonly<Record<string, Bags>>;
  readonly secretsAfter: Readonly<Record<string, RecordedSecret>>;
}
type Bags = Readonly<Record<string, Readonly<Record<string, string>>>>;
interface RecordedSecret {
  readonly owner: string;
  readonly label: string;
  readonly revs: readonly Readonly<Record<string, string>>[];
  readonly grants: readonly (readonly [string, string])[];
}

const RELATION = 9;
let material: Material;

beforeAll(() => {
  material = makeMaterial();
});
afterAll(() => {
  material.close();
});

function recording(name: string): readonly Step[] {
  return JSON.parse(readFileSync(new URL(`golden/etcd_client-${name}.json`, import.meta.url), 'utf8')) as Step[];
}

function stepOf(steps: readonly Step[], index: number): Step {
  const step = steps[index];
  if (step === undefined) throw new Error(`the recording has no step ${String(index)}`);
  return step;
}

/** Secrets by owner and label, without what is random or the tool's own. */
type NamedSecrets = Record<string, { readonly revs: readonly object[]; readonly grants: readonly string[] }>;

interface Snapshot {
  readonly bags: string;
  readonly secrets: NamedSecrets;
}

/** The recorded state with the ids of secrets named by their owner and label, and junk certificates for real ones. */
function recorded(step: Step): Snapshot {
  const names = new Map(
    Object.entries(step.secretsAfter).map(([id, { owner, label }]) => [id, `${owner} ${label}`] as const),
  );
  const secrets: NamedSecrets = {};
  for (const { owner, label, revs, grants } of Object.values(step.secretsAfter)) {
    secrets[`${owner} ${label}`] = { revs, grants: grants.map((grant) => grant.join(' ')) };
  }
  return { bags: named(JSON.stringify(step.databagsAfter[String(RELATION)]), names), secrets };
}

/** The model's state, in the same form. Members without settings are left out, as there. */
function replayed(world: World, members: readonly string[]): Snapshot {
  const stored = world.model.secrets();
  const names = new Map(stored.map(({ id, owner, label }) => [id, `${owner} ${label ?? ''}`] as const));
  const secrets: NamedSecrets = {};
  for (const { owner, label, revisions, grants } of stored) {
    const revs = [...revisions.values()].map((content) => Object.fromEntries([...content].map(unmasked)));
    secrets[`${owner} ${label ?? ''}`] = {
      revs,
      grants: [...grants].flatMap(([relation, to]) => [...to].map((member) => `${String(relation)} ${member}`)),
    };
  }
  const bags = members.map((member) => [member, world.bag(RELATION, member)] as const);
  const filled = bags.filter(([, bag]) => Object.keys(bag).length > 0);
  return { bags: named(JSON.stringify(Object.fromEntries(filled)), names), secrets };
}

function named(text: string, names: ReadonlyMap<string, string>): string {
  return text.replace(/secret:([0-9a-z]{20})/g, (_, id: string) => `secret:<${names.get(id) ?? 'unknown'}>`);
}

function unmasked([key, value]: readonly [string, string]): [string, string] {
  const names = new Map([
    [material.certA.cert, 'CERT-A'],
    [material.certB.cert, 'CERT-B'],
    [material.ca, 'CA-PEM'],
  ]);
  return [key, names.get(value) ?? value];
}

/** A random salt, and the id that follows from it, as the recording has them. */
function withRecordedSalt(text: string): string {
  const found = /\\"salt\\": \\"([A-Za-z0-9]{16})\\"/.exec(text)?.[1];
  if (found === undefined) throw new Error('there is no salt');
  const recordedId = requestIdOf('/app/', 'saltsaltsaltsalt');
  return text.replaceAll(found, 'saltsaltsaltsalt').replaceAll(requestIdOf('/app/', found), recordedId);
}

async function reach(world: World, unit: string, hook: string): Promise<void> {
  for (let count = 0; count < 20; count++) {
    if ((await world.run(unit)) === `${unit} ${hook}`) return;
  }
  throw new Error(`${unit} never came to ${hook}`);
}

/** Lets an application of the model publish what the recording has of it, secrets included. */
async function impersonate(world: World, app: string, step: Step): Promise<void> {
  await world.inHook(`${app}/0`, async (backend: JujuBackend) => {
    const ids = new Map<string, string>();
    for (const [id, { owner, label, revs }] of Object.entries(step.secretsAfter)) {
      const [first] = revs;
      if (owner !== app || first === undefined) continue;
      const content = Object.fromEntries(Object.entries(first).map(([key, value]) => [key, masked(value)]));
      const made = (await backend.secretInfo({ label }))?.id ?? (await backend.addSecret(content, { label }));
      await backend.grantSecret(made, `${ENDPOINT}:${String(RELATION)}`);
      ids.set(`secret:${id}`, made);
    }
    for (const [member, bag] of Object.entries(step.databagsAfter[String(RELATION)] ?? {})) {
      if (member !== app && member !== `${app}/0`) continue;
      const kind = member === app ? 'app' : 'unit';
      const text = JSON.stringify(bag).replace(/secret:[0-9a-z]{20}/g, (id) => ids.get(id) ?? id);
      await backend.writeDatabag(`${ENDPOINT}:${String(RELATION)}`, kind, JSON.parse(text) as Record<string, string>);
    }
  });
}

function masked(value: string): string {
  const pem: Readonly<Record<string, string>> = {
    'CERT-A': material.certA.cert,
    'CERT-B': material.certB.cert,
    'CA-PEM': material.ca,
    CA: material.ca,
    // No host that anything could dial.
    'https://1:2379': 'https://10.0.0.1:2379',
  };
  return pem[value] ?? value;
}

describe('v0 and v0: reqv0_provv0', () => {
  it('both of our sides leave, hook by hook, what the Python sides left', async () => {
    const steps = recording('reqv0_provv0');
    const world = new World({ material, requirer: 'reqv0', provider: 'provv0' });
    await world.settle();
    world.relate();
    const members = ['reqv0', 'reqv0/0', 'provv0', 'provv0/0'];
    for (const step of steps) {
      await reach(world, step.unit, step.hook);
      expect(replayed(world, members)).toEqual(recorded(step));
    }
    // What Python told its charm in the last hook, ours tells its own.
    expect(world.takeEvents('required')).toEqual(
      expect.arrayContaining(['available', 'tlsAvailable', 'endpointsChanged']),
    );
    expect(world.takeEvents('provided')).toContain('requested');
  });

  it("Python's provider drives our requirer", async () => {
    const step = stepOf(recording('reqv0_provv0'), 3);
    const [, , endpoints, version] = step.events.flatMap((event) => (event[1] === 'etcd_ready' ? event.slice(2) : []));
    const world = new World({ material, requirer: 'reqv0', provider: 'provv0' });
    world.access = undefined;
    await world.settle();
    world.relate();
    await impersonate(world, 'provv0', step);
    await world.settle();
    expect(world.seen.connection()).toEqual({
      endpoints: [`https://${endpoints ?? ''}`],
      version: '3.6.4',
      tls: { ca: material.ca, ...material.certA },
      isComplete: true,
      username: 'cn',
      source: { protocol: 'etcd_client/v0', relationId: 'etcd-client:9', member: 'provv0' },
    });
    expect(version).toBe('True');
  });

  it("our provider answers Python's requirer, and hears of its next certificate", async () => {
    const steps = recording('reqv0_provv0');
    const world = new World({ material, requirer: 'reqv0', provider: 'provv0' });
    world.silent.add('reqv0');
    world.relate();
    await impersonate(world, 'reqv0', stepOf(steps, 1));
    await world.settle();
    expect(replayed(world, ['reqv0', 'reqv0/0', 'provv0'])).toEqual(recorded(stepOf(steps, 2)));
    expect(world.takeEvents('provided')).toContain('requested');
    await world.inHook('reqv0/0', async (backend) => {
      const id = world.bag(RELATION, 'reqv0')['secret-mtls'] ?? '';
      await backend.writeSecret(id, { 'mtls-cert': material.certB.cert });
    });
    await world.settle();
    expect(world.takeEvents('provided')).toEqual(['certificateChanged']);
  });
});

describe('a dual requirer and v0: dual_provv0', () => {
  const bagOf = (): Readonly<Record<string, string>> =>
    stepOf(recording('dual_provv0'), 0).databagsAfter['9']?.['tsreq'] ?? {};

  it('our dual databag is the one that the genuine provider answered', () => {
    const request = {
      resource: '/app/',
      requestId: requestIdOf('/app/', 'saltsaltsaltsalt'),
      salt: 'saltsaltsaltsalt',
      secretMtls: 'secret:mmmmmmmmmmmmmmmmmmmm',
    };
    expect(JSON.stringify(requestDatabag('dual', request))).toBe(JSON.stringify(bagOf()));
  });

  it('our dual requirer takes over a databag that is published, without a change', async () => {
    const world = new World({ material, requirer: 'tsreq', provider: 'provv0', requires: { protocol: 'dual' } });
    world.silent.add('tsreq').add('provv0');
    world.relate();
    await impersonate(world, 'tsreq', stepOf(recording('dual_provv0'), 0));
    const before = world.bag(RELATION, 'tsreq');
    await world.inHook('tsreq/0', async (backend) => world.requirerCharm(backend));
    expect(before['requests']).toContain('saltsaltsaltsalt');
    expect(world.bag(RELATION, 'tsreq')).toEqual(before);
    expect(world.model.secrets()).toHaveLength(1);
  });

  it("Python's v0 answer to it drives our dual requirer, and our answer in v0 is the same, byte by byte", async () => {
    const step = stepOf(recording('dual_provv0'), 1);
    const world = new World({ material, requirer: 'tsreq', provider: 'provv0', requires: { protocol: 'dual' } });
    world.access = undefined;
    await world.settle();
    world.relate();
    await impersonate(world, 'provv0', step);
    await world.settle();
    expect(world.seen.connection()).toMatchObject({
      endpoints: ['https://10.0.0.1:2379'],
      username: 'cn',
      source: { protocol: 'etcd_client/v0' },
    });
    const answer = step.databagsAfter['9']?.['provv0'] ?? {};
    const ours = v0AnswerDatabag(new Map(Object.entries(bagOf())), {
      endpoints: '10.0.0.1:2379',
      version: '3.6.4',
      secretUser: answer['secret-user'],
      secretTls: answer['secret-tls'],
    });
    const filled = Object.entries(ours).filter(([, value]) => value !== '');
    expect(JSON.stringify(Object.fromEntries(filled))).toBe(JSON.stringify(answer));
  });

  it('deviation: our provider answers it in v1, the contract it names; rotation is told with the former certificate', async () => {
    const world = new World({ material, requirer: 'tsreq', provider: 'provv0', requires: { protocol: 'dual' } });
    await world.settle();
    world.relate();
    await world.settle();
    expect(world.bag(RELATION, 'provv0')['version']).toBe('v1');
    expect(world.seen.connection()?.source.protocol).toBe('etcd_client/v1');
    world.takeEvents('provided');
    world.requires = { ...world.requires, certificate: material.certB };
    world.model.fire('tsreq/0', 'update-status');
    await world.settle();
    const told = world.provided.flatMap(({ hook, events }) => events.map((event) => ({ hook, ...event })));
    // As recorded: ["secret-changed", "mtls_cert_updated", "/app/", "CERT-B", "CERT-A"].
    expect(told).toMatchObject([
      {
        hook: 'secret-changed',
        type: 'certificateChanged',
        request: { prefix: '/app/', certificate: material.certB.cert },
        previousCertificate: material.certA.cert,
        previousCommonName: 'cn',
      },
    ]);
    const recordedEvent = stepOf(recording('dual_provv0'), 2).events[0];
    expect(recordedEvent).toEqual(['secret-changed', 'mtls_cert_updated', '/app/', 'CERT-B', 'CERT-A']);
  });
});

describe('a v1 requirer and a v0 answer: p_reqv1v0_response', () => {
  it('our v1 requirer publishes what the Python one does', async () => {
    const step = stepOf(recording('p_reqv1v0_response'), 0);
    const world = new World({ material, requirer: 'reqv1', provider: 'tsprov', requires: { protocol: 'v1' } });
    world.access = undefined;
    await world.settle();
    world.relate();
    await reach(world, 'reqv1/0', 'etcd-client-relation-created');
    const [mine, theirs] = [replayed(world, ['reqv1', 'reqv1/0']), recorded(step)];
    const onlyOurs = JSON.parse(theirs.bags) as Bags;
    expect(withRecordedSalt(mine.bags)).toBe(JSON.stringify({ reqv1: onlyOurs['reqv1'] }));
  });

  it('deviation: it takes a v0 answer, at which the Python one fails', async () => {
    const steps = recording('p_reqv1v0_response');
    expect(steps.map(({ exit }) => exit)).toEqual([0, 1, 1]);
    const world = new World({ material, requirer: 'reqv1', provider: 'tsprov', requires: { protocol: 'v1' } });
    world.access = undefined;
    await world.settle();
    world.relate();
    await impersonate(world, 'tsprov', stepOf(steps, 1));
    await world.settle();
    expect(world.seen.connection()).toMatchObject({
      endpoints: ['https://10.0.0.1:2379'],
      version: '3.5.18',
      username: 'cn',
    });
    // And keeps no snapshot of it: that is v0's.
    expect(world.bag(RELATION, 'reqv1/0')).toEqual({});
  });

  it("our provider answers Python's v1 requirer in v1, with the request in `data`", async () => {
    const step = stepOf(recording('p_reqv1v0_response'), 0);
    const world = new World({ material, requirer: 'reqv1', provider: 'tsprov' });
    world.silent.add('reqv1');
    world.relate();
    await impersonate(world, 'reqv1', step);
    await world.settle();
    const bag = world.bag(RELATION, 'tsprov');
    const names = new Map(world.model.secrets().map(({ id, label }) => [id, label ?? ''] as const));
    const id = '67d41b4640e902a6';
    const secretMtls = `secret:<etcd-client.9.${id}.mtls.secret>`;
    expect(named(JSON.stringify(bag), names)).toBe(
      JSON.stringify({
        version: 'v1',
        requests: pythonJson([
          {
            resource: '/app/',
            'request-id': id,
            salt: 'saltsaltsaltsalt',
            endpoints: '10.0.0.1:2379',
            'read-only-endpoints': null,
            'secret-user': `secret:<etcd-client.9.${id}.user.secret>`,
            'secret-tls': `secret:<etcd-client.9.${id}.tls.secret>`,
            'secret-extra': null,
            'secret-entity': null,
            version: '3.6.4',
          },
        ]),
        data: pythonJson({
          [id]: {
            resource: '/app/',
            'request-id': id,
            salt: 'saltsaltsaltsalt',
            // Without `external-node-connectivity: false`: Python keeps no defaults.
            'secret-mtls': secretMtls,
          },
        }),
      }),
    );
    const contents = world.model
      .secrets()
      .map(({ label, revisions }) => [label, Object.fromEntries([...(revisions.get(1) ?? [])])]);
    expect(contents).toContainEqual([`etcd-client.9.${id}.tls.secret`, { 'tls-ca': material.ca, tls: 'true' }]);
    expect(contents).toContainEqual([
      `etcd-client.9.${id}.user.secret`,
      { username: 'cn', uris: 'https://10.0.0.1:2379' },
    ]);
  });

  it('reads its own databag back from the text', () => {
    const bag = new Map(Object.entries(stepOf(recording('p_reqv1v0_response'), 0).databagsAfter['9']?.['reqv1'] ?? {}));
    const { requests } = readRequests(bag);
    expect(requests).toHaveLength(1);
    for (const request of requests) {
      expect(JSON.stringify(requestDatabag('v1', request))).toBe(JSON.stringify(Object.fromEntries(bag)));
      expect(request.requestId).toBe(requestIdOf('/app/', 'saltsaltsaltsalt'));
    }
  });
});
