#!/usr/bin/env node
/** The entry of the command `vigil`: the process around a command line. */
import { writeSync } from 'node:fs';
import { tooOldNode } from '../../wire/node-floor.js';
import type { Stop } from './stop.js';

function tell(lines: readonly string[]): void {
  try {
    // Not through the stream, which would be cut off.
    for (const line of lines) writeSync(process.stderr.fd, `${line}\n`);
  } catch {
    // Nobody can be told any more.
  }
}

function leave(code: number, left: readonly string[]): void {
  tell(left.map((what) => `vigil: left behind: ${what}`));
  process.exit(code);
}

const problem = tooOldNode(process.versions.node);
if (problem !== undefined) {
  tell([problem]);
  process.exit(1);
}

// Loaded only now: an old Node may not even be able to read it.
const [{ runVigil }, { STOP_SIGNALS }] = await Promise.all([import('./run.js'), import('./stop.js')]);

function attach(stop: Stop): void {
  for (const name of STOP_SIGNALS) process.on(name, () => stop.request({ kind: 'signal', name }));
  process.on('uncaughtException', (error) => stop.request({ kind: 'defect', error }));
}

const { stdout, stderr, env } = process;
// All is over and written: nothing that is still open, such as stdin, holds the process.
void runVigil(process.argv.slice(2), { stdout, stderr, env, leave, attach }).then((code) => process.exit(code));
