import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../../../scripts/packed.js';

interface FileResult {
  name: string;
  status: string;
  message: string;
  assertionResults: { status: string }[];
}

const passedFile: FileResult = {
  name: 'a.test.ts',
  status: 'passed',
  message: '',
  assertionResults: [{ status: 'passed' }],
};
const green = {
  success: true,
  numPassedTests: 5,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [passedFile],
};

describe('the totals of a CI run', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-totals-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function totals(reports: readonly object[]): { last: string | undefined; status: number | null } {
    for (const [index, report] of reports.entries()) {
      writeFileSync(join(folder, `run-${String(index)}.json`), JSON.stringify(report));
    }
    const script = join(root, 'scripts/test-totals.js');
    const { stdout, status } = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
    return { last: stdout.trimEnd().split('\n').at(-1), status };
  }

  it('are the sum over all reports', () => {
    expect(totals([green, { ...green, numPassedTests: 7 }])).toEqual({ last: '12 passed, 0 failed', status: 0 });
  });

  it('fail with a failed test', () => {
    const failedFile = { ...passedFile, status: 'failed', assertionResults: [{ status: 'failed' }] };
    const red = { ...green, success: false, numFailedTests: 1, testResults: [failedFile] };
    expect(totals([green, red])).toEqual({ last: '10 passed, 1 failed', status: 1 });
  });

  it('count a file that did not load as a failure, though it has no tests', () => {
    const broken = { ...passedFile, status: 'failed', message: 'Cannot find module', assertionResults: [] };
    const report = { ...green, success: false, testResults: [passedFile, broken] };
    expect(totals([report])).toEqual({ last: '5 passed, 1 failed', status: 1 });
  });

  it('count an error outside of any test as a failure', () => {
    expect(totals([{ ...green, success: false }])).toEqual({ last: '5 passed, 1 failed', status: 1 });
  });

  it('fail with a skipped test, and when nothing ran', () => {
    expect(totals([{ ...green, numPendingTests: 1 }])).toEqual({ last: '5 passed, 0 failed', status: 1 });
    rmSync(join(folder, 'run-0.json'));
    expect(totals([])).toEqual({ last: '0 passed, 0 failed', status: 1 });
  });
});
