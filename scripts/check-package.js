// Checks the package as it would be published (`npm run package:check`, after a build): publint, attw, what the tarball
// holds, and that the public declarations lean on nothing but Node's.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { pack, removePacked, root } from './packed.js';

const require = createRequire(import.meta.url);

/** @type {string[]} */
const problems = [];

/**
 * @param {string} name
 * @param {string} script
 * @param {string[]} args
 */
function tool(name, script, args) {
  const { status, error } = spawnSync(process.execPath, [script, ...args], { cwd: root, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (status !== 0) problems.push(`${name} failed`);
}

/**
 * The path of a program in a package's "bin".
 * @param {string} name
 * @param {string} program
 */
function binOf(name, program) {
  const manifestFile = join(root, 'node_modules', name, 'package.json');
  const { bin } = /** @type {{ bin: string | Record<string, string> }} */ (require(manifestFile));
  return join(dirname(manifestFile), typeof bin === 'string' ? bin : (bin[program] ?? ''));
}

/**
 * What a declaration file imports, in whatever form.
 * @param {string} text
 */
function importsOf(text) {
  const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/(?!\/).*$/gm, '');
  const forms = [
    /(?<!['"])\b(?:from|import)\s*['"]([^'"]+)['"]/g,
    /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g,
    /^\/\/\/\s*<reference (?:types|path)="([^"]+)"/gm,
  ];
  return forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1] ?? ''));
}

/**
 * A user's compiler reads every declaration that the public ones lead to. Those of other packages would make their
 * versions and flaws part of this package's types, so only Node's are allowed.
 * @param {string} extracted
 * @param {string} entry
 */
function checkDeclarations(extracted, entry) {
  const queue = [join(extracted, entry)];
  const seen = new Set(queue);
  for (const file of queue) {
    const name = relative(extracted, file);
    if (!existsSync(file)) {
      problems.push(`${name} is missing, but the public declarations lead there`);
      continue;
    }
    for (const specifier of importsOf(readFileSync(file, 'utf8'))) {
      if (specifier.startsWith('.')) {
        const target = join(dirname(file), specifier.replace(/\.js$/, '.d.ts'));
        if (target.includes('/generated/')) problems.push(`${name} leads to generated declarations: ${specifier}`);
        else if (!seen.has(target)) {
          seen.add(target);
          queue.push(target);
        }
      } else if (!/^node(:|$)/.test(specifier)) problems.push(`${name} imports types of "${specifier}"`);
    }
  }
  console.log(`declarations: ${String(seen.size)} files are reachable from ${entry}`);
}

/** @param {string} extracted */
function checkContents(extracted) {
  for (const name of [
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'package.json',
    'dist/main/index.js',
    'protos/rpc.proto',
  ]) {
    if (!existsSync(join(extracted, name))) problems.push(`the tarball lacks ${name}`);
  }
  for (const name of ['src', 'test', 'node_modules', 'dist/build.tsbuildinfo']) {
    if (existsSync(join(extracted, name))) problems.push(`the tarball holds ${name}`);
  }
  const manifest = /** @type {{ bin: Record<string, string> }} */ (
    JSON.parse(readFileSync(join(extracted, 'package.json'), 'utf8'))
  );
  for (const [name, path] of Object.entries(manifest.bin)) {
    const file = join(extracted, path);
    if (!existsSync(file)) problems.push(`the command ${name} is missing: ${path}`);
    else if (!readFileSync(file, 'utf8').startsWith('#!/usr/bin/env node\n')) problems.push(`${path} has no #! line`);
    else if ((statSync(file).mode & 0o111) === 0) problems.push(`${path} is not executable`);
  }
}

/**
 * Every entry of "exports" that has types.
 * @param {string} extracted
 * @returns {string[]}
 */
function typedEntries(extracted) {
  const manifest = /** @type {{ exports: Record<string, string | { types?: string }> }} */ (
    JSON.parse(readFileSync(join(extracted, 'package.json'), 'utf8'))
  );
  return Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'object' && entry.types !== undefined ? [entry.types] : [],
  );
}

const { folder, tarball, extracted } = pack();
try {
  checkContents(extracted);
  for (const entry of typedEntries(extracted)) checkDeclarations(extracted, entry);
  tool('publint', binOf('publint', 'publint'), ['run', tarball, '--strict']);
  // The package is ESM only; that require() works on the supported Nodes is proven by test/types. What "require" leads to is CommonJS
  // and has no types: it is for Nodes that are too old.
  const attw = ['--profile', 'esm-only', '--no-definitely-typed', '--ignore-rules', 'false-esm'];
  tool('attw', binOf('@arethetypeswrong/cli', 'attw'), [tarball, ...attw]);
} finally {
  removePacked(folder);
}
for (const problem of problems) console.error(`package:check: ${problem}`);
if (problems.length > 0) process.exit(1);
