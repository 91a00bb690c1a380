#!/usr/bin/env node
/** The entry of the command `vigil`. */
import { runVigil } from './program.js';

void runVigil(process.argv.slice(2)).then((code) => {
  // Not exit(): what was printed may still be on its way into a pipe.
  process.exitCode = code;
});
