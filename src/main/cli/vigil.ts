#!/usr/bin/env node
/** The entry of the command `vigil`: the process around a command line. */
import { writeSync } from 'node:fs';
import { runVigil } from './run.js';
import { STOP_SIGNALS, type Stop } from './stop.js';

function attach(stop: Stop): void {
  for (const name of STOP_SIGNALS) process.on(name, () => stop.request({ kind: 'signal', name }));
  process.on('uncaughtException', (error) => stop.request({ kind: 'defect', error }));
}

function leave(code: number, left: readonly string[]): void {
  try {
    // Not through the stream, which would be cut off.
    for (const what of left) writeSync(process.stderr.fd, `vigil: left behind: ${what}\n`);
  } catch {
    // Nobody can be told any more.
  }
  process.exit(code);
}

const { stdout, stderr, env } = process;
// All is over and written: nothing that is still open, such as stdin, holds the process.
void runVigil(process.argv.slice(2), { stdout, stderr, env, leave, attach }).then((code) => process.exit(code));
