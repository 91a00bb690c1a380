// The soak: everything in this folder, one file after another, with full counts. `npm run soak`, or with SEEDS=1,2,3 to repeat
// a run. Needs a real etcd (ETCD_BIN, then PATH).
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'soak',
    pool: 'forks',
    include: ['test/soak/*-*.ts'],
    fileParallelism: false,
    testTimeout: 20 * 60_000,
    hookTimeout: 60_000,
  },
});
