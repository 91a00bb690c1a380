#!/usr/bin/env node
/**
 * The embedded server as a program that takes etcd's own command line, so that every test of etcd can run on it: with
 * `ETCD_BIN=test/support/embedded-etcd.js`. A process of its own, so that it can be stopped, paused and killed like etcd; its
 * data does not outlive it. Needs the built package.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';

const FLAGS = /** @type {const} */ ({
  'listen-client-urls': { type: 'string' },
  'listen-metrics-urls': { type: 'string' },
  'cert-file': { type: 'string' },
  'key-file': { type: 'string' },
  'trusted-ca-file': { type: 'string' },
  'client-cert-auth': { type: 'boolean' },
  'watch-progress-notify-interval': { type: 'string' },
  'max-request-bytes': { type: 'string' },
  // Taken and without a meaning here: there is one member, and no disk.
  name: { type: 'string' },
  'data-dir': { type: 'string' },
  'advertise-client-urls': { type: 'string' },
  'listen-peer-urls': { type: 'string' },
  'initial-advertise-peer-urls': { type: 'string' },
  'initial-cluster': { type: 'string' },
  'initial-cluster-token': { type: 'string' },
  logger: { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
  version: { type: 'boolean' },
});

const { values } = parseArgs({ options: FLAGS });
if (values.version === true) {
  process.stdout.write('etcd Version: 3.5.30\nGo OS/Arch: embedded\n');
} else if (values.help === true) {
  process.stdout.write(
    `${Object.keys(FLAGS)
      .map((name) => `  --${name}`)
      .join('\n')}\n`,
  );
} else {
  await serve();
}

async function serve() {
  const { EmbeddedEtcd } = await import('etcd-vigil/embedded');
  const urls = (values['listen-client-urls'] ?? 'http://127.0.0.1:2379').split(',').map((url) => new URL(url));
  const tcp = urls.find((url) => url.protocol !== 'unix:');
  const socket = urls.find((url) => url.protocol === 'unix:');
  const read = (/** @type {string | undefined} */ file) =>
    file === undefined ? undefined : readFileSync(file, 'utf8');
  const cert = read(values['cert-file']);
  const key = read(values['key-file']);
  const server = await EmbeddedEtcd.start({
    host: tcp?.hostname,
    port: tcp === undefined ? undefined : Number(tcp.port),
    // etcd binds `unix://host:port` as a path relative to its working directory.
    socketPath: socket === undefined ? undefined : `${process.cwd()}/${socket.host}`,
    tls: cert === undefined || key === undefined ? undefined : { cert, key, clientCa: read(values['trusted-ca-file']) },
    maxRequestBytes: values['max-request-bytes'] === undefined ? undefined : Number(values['max-request-bytes']),
    progressIntervalMs: milliseconds(values['watch-progress-notify-interval']),
  });
  process.once('SIGTERM', () => void server.close().then(() => process.exit(0)));
  const metrics = values['listen-metrics-urls'];
  if (metrics === undefined) return;
  const { hostname, port } = new URL(metrics);
  createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end('{"health":"true"}');
  }).listen(Number(port), hostname);
}

/** @param {string | undefined} duration such as `100ms` or `2s` */
function milliseconds(duration) {
  const match = /^(\d+)(ms|s)$/u.exec(duration ?? '');
  return match === null ? undefined : Number(match[1]) * (match[2] === 's' ? 1000 : 1);
}
