/** What the tests of etcd_client have in common: both sides related in a world, on the model in memory and over spawned hook tools. */
import { afterAll, beforeAll, expect } from 'vitest';
import type { JujuBackend } from '../../src/main/relation/backend.js';
import { EtcdClientProvides } from '../../src/main/relation/etcd-client/etcd-client-provides.js';
import { EtcdClientRequires } from '../../src/main/relation/etcd-client/etcd-client-requires.js';
import { EtcdError } from '../../src/wire/errors.js';
import { describeBackends } from './fake-tools/backend-kinds.js';
import { ENDPOINT, makeMaterial, World, type Material, type WorldOptions } from './etcd-client-world.js';

/** The first relation of each world. */
export const RELATION = 9;
export const RELATION_ID = `${ENDPOINT}:${String(RELATION)}`;

/** There in tests of `describeEtcdClient`. */
export let material: Material;

type BenchOptions = Omit<WorldOptions, 'material' | 'through'>;

export interface EtcdClientBench {
  readonly make: (options?: BenchOptions) => World;
  /** A world in which everything is related and answered. */
  readonly settled: (options?: BenchOptions) => Promise<World>;
  /** What a unit of the requirer does in a hook of its own. */
  readonly requirer: (
    world: World,
    unit: string,
    use: (endpoint: EtcdClientRequires, backend: JujuBackend) => Promise<void>,
  ) => Promise<void>;
  /** What the provider's first unit does in a hook of its own. */
  readonly provider: (
    world: World,
    use: (endpoint: EtcdClientProvides, backend: JujuBackend) => Promise<void>,
  ) => Promise<void>;
}

/** Defines the same tests for both ways to reach a model. */
export function describeEtcdClient(suite: (bench: EtcdClientBench) => void): void {
  beforeAll(() => {
    material = makeMaterial();
  });
  afterAll(() => {
    material.close();
  });
  describeBackends((kind) => {
    const make: EtcdClientBench['make'] = (options = {}) =>
      new World({ material, through: (charm) => kind.charm(charm), ...options });
    suite({
      make,
      settled: async (options = {}) => {
        const world = make(options);
        await world.prepare();
        world.relate();
        await world.prepare();
        world.required.splice(0);
        world.provided.splice(0);
        return world;
      },
      requirer: (world, unit, use) =>
        world.inHook(unit, async (backend) => use(await EtcdClientRequires.load(backend, world.requires), backend)),
      provider: (world, use) =>
        world.inHook(`${world.provider}/0`, async (backend) =>
          use(await EtcdClientProvides.load(backend, ENDPOINT), backend),
        ),
    });
  });
}

/** The code of an error that shows nothing secret. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => 'no error',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EtcdError)) throw new Error('no EtcdError', { cause: error });
  expect(error.message).not.toMatch(/BEGIN|PRIVATE|MII/);
  return error.code;
}
