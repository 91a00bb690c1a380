// Test projects. `integration` and `contract` need a real etcd (ETCD_BIN, then PATH); without one they are left out loudly, and
// `embedded` runs those of them that need one member only, on the embedded server. ETCD_BIN=embedded asks for that alone.
// Tests of shards load the built worker from dist/: run `npm run build` first, as `npm test` does.
import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { findEtcd } from './test/support/find-etcd.js';
import { announceMissingEtcd, selectedFiles } from './test/support/missing-etcd.js';

const etcdProjects = new Map([
  ['contract', ['test/contract/']],
  [
    'integration',
    [
      'test/integration/',
      'test/fault/',
      'test/embedded/differential/',
      'test/embedded/random/',
      'test/embedded/etcdctl/',
    ],
  ],
]);
const types = ['test/types/**/*.test.ts', 'test/bundles/**/*.test.ts'];
const patterns = (folders: readonly string[]): string[] => folders.map((folder) => `${folder}**/*.test.ts`);

/** Files that need several members, a plain socket beside TLS, data that outlives its server, etcd's metrics, or the etcdctl that came with it. */
const needsRealEtcd = [
  'cli-demo',
  'connect-from-file',
  'embedded-watch-lease',
  'example-charm',
  'kv-failover',
  'kv-faults',
  'lease-block',
  'lease-faults',
  'lease-model',
  'lease-refused',
  'login',
  'login-block',
  'reconfigure',
  'relation-client-engine',
  'relation-engine',
  'support-clients',
  'support-etcd',
  'watch-cancel',
  'watch-from-now',
  'watch-grpc-proxy',
  'watch-large',
].map((name) => `test/integration/${name}.test.ts`);

const isEmbedded = process.env['ETCD_BIN'] === 'embedded';
const etcd = isEmbedded ? undefined : findEtcd();
// The embedded server behaves as etcd 3.5: it is compared with nothing else.
const COMPARED = 'test/embedded/differential/';
if (etcd !== undefined && !etcd.version.startsWith('3.5.'))
  etcdProjects.set(
    'integration',
    (etcdProjects.get('integration') ?? []).filter((folder) => folder !== COMPARED),
  );
if (etcd === undefined && !isEmbedded) {
  const files = readdirSync(import.meta.dirname + '/test', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name.replaceAll('\\', '/')}`)
    .sort();
  const missing = [...etcdProjects].map(
    ([project, folders]) =>
      [project, files.filter((name) => folders.some((folder) => name.startsWith(folder)))] as const,
  );
  announceMissingEtcd(selectedFiles(new Map(missing), process.argv.slice(2)));
}

/**
 * Ends what hangs; no test asserts how long anything takes (benches do). More than ten times what the slowest test needs on two
 * cores with other work beside it, and more than the guard of `eventually`, whose message says what did not come.
 */
const HANG_GUARD_MS = 300_000;

export default defineConfig({
  test: {
    pool: 'forks',
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          // Everything that is not another project's: a new folder of tests cannot be forgotten here.
          exclude: [...types, ...patterns([COMPARED, ...[...etcdProjects.values()].flat()])],
          testTimeout: HANG_GUARD_MS,
          hookTimeout: HANG_GUARD_MS,
          // By default one worker less than cores: one here, where most files wait for timers and children.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // Packs, compiles and bundles: slow, and needs no company.
        test: {
          name: 'types',
          include: types,
          testTimeout: HANG_GUARD_MS,
          hookTimeout: HANG_GUARD_MS,
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'embedded',
          include: etcd === undefined ? patterns(['test/integration/']) : [],
          exclude: needsRealEtcd,
          env: { ETCD_BIN: import.meta.dirname + '/test/support/embedded-etcd.js' },
          testTimeout: HANG_GUARD_MS,
          hookTimeout: HANG_GUARD_MS,
          maxWorkers: 6,
          sequence: { groupOrder: 1 },
        },
      },
      ...[...etcdProjects].map(([name, folders]) => ({
        extends: true as const,
        test: {
          name,
          include: etcd === undefined ? [] : patterns(folders),
          testTimeout: HANG_GUARD_MS,
          hookTimeout: HANG_GUARD_MS,
          // Each file runs servers and worker threads of its own. Most of their time they wait; more at once makes them flaky.
          // A worker limit of its own puts a project into a group of its own.
          maxWorkers: 6,
          sequence: { groupOrder: 1 },
        },
      })),
    ],
  },
});
