// Test projects. `integration` and `contract` need a real etcd (ETCD_BIN, then PATH); without one they are left out loudly.
// Tests of shards load the built worker from dist/: run `npm run build` first, as `npm test` does.
import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { findEtcd } from './test/support/find-etcd.js';
import { announceMissingEtcd, selectedFiles } from './test/support/missing-etcd.js';

const etcdProjects = new Map([
  ['contract', ['test/contract/']],
  ['integration', ['test/integration/', 'test/fault/', 'test/embedded/differential/', 'test/embedded/etcdctl/']],
]);
const types = ['test/types/**/*.test.ts'];
const patterns = (folders: readonly string[]): string[] => folders.map((folder) => `${folder}**/*.test.ts`);

const etcd = findEtcd();
// The embedded server behaves as etcd 3.5: it is compared with nothing else.
const COMPARED = 'test/embedded/differential/';
if (etcd !== undefined && !etcd.version.startsWith('3.5.'))
  etcdProjects.set(
    'integration',
    (etcdProjects.get('integration') ?? []).filter((folder) => folder !== COMPARED),
  );
if (etcd === undefined) {
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
          testTimeout: 20_000,
          hookTimeout: 20_000,
        },
      },
      {
        extends: true,
        // Packs and compiles: slow, and needs no company.
        test: { name: 'types', include: types, testTimeout: 120_000, hookTimeout: 120_000 },
      },
      ...[...etcdProjects].map(([name, folders]) => ({
        extends: true as const,
        test: {
          name,
          include: etcd === undefined ? [] : patterns(folders),
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Each file runs servers and worker threads of its own. Most of their time they wait; more at once makes them flaky.
          // A worker limit of its own puts a project into a group of its own.
          maxWorkers: 4,
          sequence: { groupOrder: 1 },
        },
      })),
    ],
  },
});
