import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('the engine loads no native code, so that no release of a native package concerns its users', () => {
  const entry = join(import.meta.dirname, '../../dist/main/index.js');
  const program = `await import(${JSON.stringify(entry)});
    console.log(process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node')).length)`;
  const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  expect(stdout).toBe('0\n');
});
