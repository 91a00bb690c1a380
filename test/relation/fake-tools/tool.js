#!/usr/bin/env node
// A hook tool of Juju, for tests: linked under each tool's name onto PATH. Like the real ones it knows nothing itself, but asks the
// unit's agent (fake-agent.ts) over the socket that the hook's environment names, and prints and exits as the agent says.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename } from 'node:path';

const args = process.argv.slice(2);
const address = process.env['JUJU_AGENT_SOCKET_ADDRESS'];
const contextId = process.env['JUJU_CONTEXT_ID'];
if (address === undefined || contextId === undefined) {
  process.stderr.write('ERROR JUJU_CONTEXT_ID not set\n');
  process.exit(1);
}
// Only the tools that read settings read stdin.
const stdin = args.some((arg, index) => arg === '-' && args[index - 1] === '--file') ? readFileSync(0, 'utf8') : '';
const socket = connect(address);
let answer = '';
socket.setEncoding('utf8');
socket.on('data', (/** @type {string} */ chunk) => (answer += chunk));
socket.on('error', (error) => {
  process.stderr.write(`ERROR connection failed: ${error.message}\n`);
  process.exitCode = 1;
});
socket.on('close', () => {
  if (answer === '') return;
  /** @type {{ exit: number, stdout: string, stderr: string }} */
  const { exit, stdout, stderr } = JSON.parse(answer);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  process.exitCode = exit;
});
socket.end(JSON.stringify({ contextId, tool: basename(process.argv[1] ?? ''), args, stdin }));
