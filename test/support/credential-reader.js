/**
 * A process that reads saved credentials in a loop, as a program in any language may: it resolves the link of the key and reads
 * the three parts beside each other. `node credential-reader.js KEY CERT CA MODE`; the allowed bundles come as a JSON list of
 * [key, cert, ca] on the first line of stdin. Ends when stdin ends, with what it saw as JSON on stdout.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

const [keyPath = '', certPath = '', caPath = '', mode = ''] = process.argv.slice(2);
const seen = { rounds: 0, switches: 0, missing: 0, violations: /** @type {string[]} */ ([]) };
/** @type {readonly (readonly string[])[] | undefined} */
let allowed;
let ended = false;
let last = '';
let input = '';

process.stdin.setEncoding('utf8');
process.stdin.on('data', (/** @type {string} */ text) => {
  input += text;
  const end = input.indexOf('\n');
  if (allowed !== undefined || end < 0) return;
  allowed = JSON.parse(input.slice(0, end));
  process.stdout.write('reading\n');
  round();
});
process.stdin.on('end', () => {
  ended = true;
});

function round() {
  for (let count = 0; count < 20; count++) {
    look();
    // Each path by itself: the old file or the new one, whole.
    for (const [index, path] of [keyPath, certPath, caPath].entries()) single(path, index);
  }
  if (ended) process.stdout.write(`${JSON.stringify(seen)}\n`);
  else setImmediate(round);
}

function look() {
  try {
    const folder = dirname(realpathSync(keyPath));
    const bundle = ['key', 'cert', 'ca'].map((part) => read(join(folder, part)));
    seen.rounds++;
    const found = JSON.stringify(bundle);
    if (found !== last) seen.switches++;
    last = found;
    if (!allowed?.some((one) => JSON.stringify(one) === found)) seen.violations.push('mixed or partial bundle');
  } catch (error) {
    missing(error);
  }
}

/** @param {string} path @param {number} index */
function single(path, index) {
  try {
    const text = read(path);
    if (!allowed?.some((one) => one[index] === text)) seen.violations.push('partial file');
  } catch (error) {
    missing(error);
  }
}

/** @param {string} path */
function read(path) {
  const found = (statSync(path).mode & 0o777).toString(8);
  if (found !== mode) seen.violations.push(`mode ${found}`);
  return readFileSync(path, 'utf8');
}

/** Not there yet, or removed between resolving and reading. @param {unknown} error */
function missing(error) {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  seen.missing++;
}
