/** A hook lives for a second and there are many of them: loading `etcd-vigil/relation` must cost next to nothing. How long it takes is
 * shown by `npm run bench -- --only import`; here stands why it is short. Reads dist/. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, it } from 'vitest';

const dist = resolve(import.meta.dirname, '../../dist/main');
const entry = join(dist, 'relation/index.js');

/** What a file leads to by imports that run when it is loaded. */
function graphOf(start: string): { readonly files: string[]; readonly others: string[] } {
  const files = [start];
  const others = new Set<string>();
  for (const file of files) {
    for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(
      /^(?:import|export)\s[^;]*?from\s+'([^']+)';/gmu,
    )) {
      const target = resolve(dirname(file), specifier);
      if (!specifier.startsWith('.')) others.add(specifier);
      else if (!files.includes(target)) files.push(target);
    }
  }
  return { files: files.map((file) => relative(dist, file)), others: [...others].sort() };
}

it('etcd-vigil/relation leads to no package, no engine and no thread', () => {
  const { files, others } = graphOf(entry);
  expect(files.length).toBeGreaterThan(20);
  expect(others.filter((name) => !name.startsWith('node:'))).toEqual([]);
  expect(others).not.toContain('node:worker_threads');
  expect(others).not.toContain('node:http2');
  expect(files.filter((name) => /shard|unary|watch\/|lease\/|generated|workers/u.test(name))).toEqual([]);
  // The search finds what it looks for.
  expect(graphOf(join(dist, 'index.js')).others).toContain('node:worker_threads');
});

it('etcd-vigil/relation is loaded without a thread', () => {
  const program = `
    import { readdirSync } from 'node:fs';
    import { stat } from 'node:fs/promises';
    // Node's own threads for files start with the first of them.
    await stat('/');
    const threads = () => { try { return readdirSync('/proc/self/task').length; } catch { return 0; } };
    const before = threads();
    await import(${JSON.stringify(entry)});
    console.log(JSON.stringify({ threads: threads() - before,
      workers: process.moduleLoadList.filter((name) => /http2|piscina|NativeModule worker_threads/.test(name)) }));`;
  const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(JSON.parse(stdout)).toEqual({ threads: 0, workers: [] });
});
