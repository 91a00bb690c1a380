import { describe, expect, it } from 'vitest';
import { missingEtcdBox, selectedFiles, vitestSelection } from '../../support/missing-etcd.js';

const files = new Map([
  ['contract', ['test/contract/a.test.ts']],
  ['integration', ['test/integration/b.test.ts', 'test/fault/c.test.ts']],
]);

describe('the announcement that etcd is missing', () => {
  it('names every test file that needs etcd when the whole suite is asked for', () => {
    expect(selectedFiles(files, ['run'])).toEqual([
      'test/contract/a.test.ts',
      'test/integration/b.test.ts',
      'test/fault/c.test.ts',
    ]);
  });

  it('names nothing when only projects without etcd are asked for', () => {
    expect(selectedFiles(files, ['run', '--project', 'unit'])).toEqual([]);
    expect(selectedFiles(files, ['run', '--project=types', '--project=unit'])).toEqual([]);
  });

  it('names only the files that the filters and projects select', () => {
    expect(selectedFiles(files, ['run', 'test/fault'])).toEqual(['test/fault/c.test.ts']);
    expect(selectedFiles(files, ['run', '--project=contract'])).toEqual(['test/contract/a.test.ts']);
    expect(selectedFiles(files, ['run', 'test/unit/foo'])).toEqual([]);
  });

  it('takes an option value for no filter', () => {
    expect(vitestSelection(['run', '--reporter', 'json', './test/unit/x']).filters).toEqual(['test/unit/x']);
  });

  it('is a box that names the files and what to do', () => {
    const box = missingEtcdBox(['test/fault/c.test.ts'], undefined);
    expect(box).toContain('1 TEST FILES DID NOT RUN');
    expect(box).toContain('| test/fault/c.test.ts ');
    expect(box).toContain('ETCD_BIN');
    const widths = new Set(
      box
        .trim()
        .split('\n')
        .map((line) => line.length),
    );
    expect(widths.size).toBe(1);
  });
});
