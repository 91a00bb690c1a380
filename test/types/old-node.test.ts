import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, pack, removePacked, root } from '../../scripts/packed.js';

/** 16 lacks most of what later Nodes have, 18 is what people still run, 20.18 is just too old. */
const TOO_OLD = ['16.20.2', '18.20.8', '20.18.3'];

interface Manifest {
  readonly exports: Readonly<Record<string, string | object>>;
}

/** The Node of an npm package, installed below `folder`. Where it cannot be had the test fails: nothing was tested then. */
function installNode(folder: string, version: string): string {
  const { platform, arch } = process;
  const name = `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
  const prefix = join(folder, version);
  mkdirSync(prefix);
  const args = ['install', '--no-save', '--prefer-offline', '--prefix', prefix, `${name}@${version}`];
  const { status, stderr } = spawnSync('npm', args, { cwd: prefix, encoding: 'utf8' });
  if (status !== 0) throw new Error(`Node ${version} could not be installed from its npm package: ${stderr}`);
  return join(prefix, 'node_modules', name, 'bin/node');
}

describe('the packed package on a Node that is too old', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const entries = Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'object' ? [`etcd-vigil${path.slice(1)}`] : [],
  );
  const nodes = new Map<string, string>();
  let folder: string;
  let project: string;

  function run(version: string, args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
    const node = nodes.get(version);
    if (node === undefined) throw new Error(`Node ${version} is not installed`);
    const { status, stdout, stderr } = spawnSync(node, args, { cwd: project, encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  beforeAll(() => {
    const packed = pack();
    folder = packed.folder;
    project = join(folder, 'project');
    mkdirSync(project);
    installPacked(project, packed.extracted);
    writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    for (const version of TOO_OLD) nodes.set(version, installNode(folder, version));
  });

  afterAll(() => {
    removePacked(folder);
  });

  describe.each(TOO_OLD)('%s', (version) => {
    const line = `etcd-vigil needs Node.js 20.19 or later; this is v${version}`;

    it('is that Node', () => {
      expect(run(version, ['--version']).stdout).toBe(`v${version}\n`);
    });

    it.each([[['demo']], [['--help']], [['--version']], [['no-such-command']], [[]]])(
      'ends the command with one line, given %j',
      (args) => {
        const command = join(project, 'node_modules/etcd-vigil/dist/main/cli/vigil.js');
        expect(run(version, [command, ...args])).toEqual({ status: 1, stdout: '', stderr: `${line}\n` });
      },
    );

    it.each(entries)('fails the import of %s with that text and a code', (entry) => {
      const program = `import('${entry}').catch((error) => console.log([error instanceof Error, error.code, error.message].join()))`;
      expect(run(version, ['-e', program])).toEqual({ status: 0, stdout: `true,node-too-old,${line}\n`, stderr: '' });
    });

    it.each(entries)('fails the require() of %s with that text and a code', (entry) => {
      const program = `try { require('${entry}') } catch (error) { console.log([error instanceof Error, error.code, error.message].join()) }`;
      const stdout = `true,node-too-old,${line}\n`;
      expect(run(version, ['--input-type=commonjs', '-e', program])).toEqual({ status: 0, stdout, stderr: '' });
    });

    it.each(entries)('says so, and nothing of ES modules, where nobody catches the require() of %s', (entry) => {
      writeFileSync(join(project, 'program.cjs'), `require('${entry}');\n`);
      const { status, stdout, stderr } = run(version, ['program.cjs']);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toContain(`Error: ${line}`);
      expect(stderr).not.toMatch(/ERR_REQUIRE_ESM|^\s+at /mu);
    });

    it.each(entries)('says so, and shows no frame of this package, where nobody catches the import of %s', (entry) => {
      writeFileSync(join(project, 'program.js'), `import '${entry}';\n`);
      const { status, stdout, stderr } = run(version, ['program.js']);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expect(stderr).toContain(line);
      expect(stderr).not.toMatch(/SyntaxError|etcd-vigil\/dist/);
    });
  });
});
