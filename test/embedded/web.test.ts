/** HTTP/1 and HTTP/2 on one endpoint of the embedded server, with and without TLS: pages, the JSON gateway, gRPC, and faults in all of them. */
import { readFileSync, rmSync, mkdtempSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from 'etcd-vigil';
import { EmbeddedEtcd } from 'etcd-vigil/embedded';
import { FaultKit } from 'etcd-vigil/testing';
import { TestCertificates } from '../support/certificates.js';
import { withEmbedded } from '../support/embedded-fixture.js';
import { eventually } from '../support/poll.js';

const HEALTHY = '{"health":"true","reason":""}';
let certificates: TestCertificates;
let folder = '';

beforeAll(() => {
  certificates = TestCertificates.create();
  folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-web-'));
});
afterAll(() => {
  certificates.close();
  rmSync(folder, { recursive: true, force: true });
});

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

/** Status and body; `lost` where the connection was. */
function ask(options: RequestOptions, body?: object): Promise<string> {
  return new Promise((resolve) => {
    const method = body === undefined ? 'GET' : 'POST';
    const request = httpRequest({ method, agent: false, ...options }, (response) => {
      void textOf(response).then(
        (text) => {
          resolve(`${String(response.statusCode)} ${text.trim()}`);
        },
        () => {
          resolve('lost');
        },
      );
    });
    request.on('error', () => {
      resolve('lost');
    });
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function at(server: EmbeddedEtcd, path: string): RequestOptions {
  const [host = '', port] = server.address.split(':');
  return { host, port: Number(port), path };
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('one endpoint', () => {
  it('serves gRPC and HTTP/1 at the same time, over the same store', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let round = 1; round <= 5; round++) {
        await etcd.kv.put(`grpc/${round}`, 'value');
        const put = await ask(
          { ...at(server, '/v3/kv/put'), agent },
          { key: base64(`json/${round}`), value: base64('v') },
        );
        expect(put).toContain(`"revision":"${String(1 + round * 2)}"`);
      }
      // One connection for all of them.
      expect(Object.values(agent.freeSockets).flat()).toHaveLength(1);
      agent.destroy();
      expect((await etcd.kv.range({ prefix: 'json/' })).kvs).toHaveLength(5);
      expect(await ask(at(server, '/health'))).toBe(`200 ${HEALTHY}`);
    });
  });

  it('knows the protocol however slowly its first bytes come', async () => {
    const server = await EmbeddedEtcd.start();
    try {
      const [host = '', port] = server.address.split(':');
      const slowly = (bytes: Buffer, isEnough: (seen: Buffer) => boolean): Promise<Buffer> =>
        new Promise((resolve, reject) => {
          let seen = Buffer.alloc(0);
          const socket = connectSocket({ host, port: Number(port), noDelay: true });
          let sent = 0;
          const next = (): void => {
            if (sent < bytes.length) socket.write(bytes.subarray(sent, (sent += 1)), () => setImmediate(next));
          };
          socket.on('connect', next);
          socket.on('error', reject);
          socket.on('data', (chunk) => {
            seen = Buffer.concat([seen, chunk]);
            if (!isEnough(seen)) return;
            socket.destroy();
            resolve(seen);
          });
        });
      // PUT and POST begin as the preface of HTTP/2 does.
      for (const method of ['PUT', 'POST', 'GET']) {
        const request = Buffer.from(`${method} /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`);
        const seen = await slowly(request, (text) => text.includes('page not found'));
        expect(seen.toString()).toMatch(/^HTTP\/1\.1 404 /u);
      }
      const preface = Buffer.from(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0`, 'latin1');
      // A frame of settings comes back.
      expect((await slowly(preface, (bytes) => bytes.length >= 9))[3]).toBe(4);
    } finally {
      await server.close();
    }
  });

  it('serves HTTP/1 on a unix socket', async () => {
    const socketPath = join(folder, 'etcd.sock');
    const server = await EmbeddedEtcd.start({ socketPath });
    try {
      expect(await ask({ socketPath, path: '/health' })).toBe(`200 ${HEALTHY}`);
    } finally {
      await server.close();
    }
  });

  it('ends a watch over HTTP/1 when it closes, and a place in a queue when its client goes', async () => {
    const server = await EmbeddedEtcd.start();
    const etcd = await connect({ endpoints: server.endpoints, shards: 'inline' });
    try {
      expect(await ask(at(server, '/v3/lock/lock'), { name: base64('lock') })).toMatch(/^200 /u);
      const waiting = httpRequest({ ...at(server, '/v3/lock/lock'), method: 'POST', agent: false });
      waiting.on('error', () => undefined);
      waiting.end(JSON.stringify({ name: base64('lock') }));
      const places = async (): Promise<number> => (await etcd.kv.range({ prefix: 'lock/' })).kvs.length;
      await eventually(async () => (await places()) === 2);
      waiting.destroy();
      await eventually(async () => (await places()) === 1);
    } finally {
      await etcd.close();
    }
    const watch = new Promise<string>((resolve) => {
      const request = httpRequest({ ...at(server, '/v3/watch'), method: 'POST', agent: false }, (response) => {
        response.once('data', () => {
          void server.close();
        });
        response.on('close', () => {
          resolve('closed');
        });
        response.on('error', () => undefined);
      });
      request.end(JSON.stringify({ create_request: { key: base64('a') } }));
    });
    expect(await watch).toBe('closed');
    await server.close();
  });

  it('holds back the events of a watch whose client does not read, and loses none', async () => {
    await withEmbedded({}, async (etcd, server) => {
      const value = 'x'.repeat(200_000);
      const lines = await new Promise<string[]>((resolve, reject) => {
        const request = httpRequest({ ...at(server, '/v3/watch'), method: 'POST', agent: false }, (response) => {
          response.setEncoding('utf8');
          response.pause();
          void (async () => {
            for (let index = 0; index < 60; index++) await etcd.kv.put('large', value);
            let text = '';
            response.on('data', (chunk: string) => {
              text += chunk;
              if ((text.match(/"mod_revision"/gu) ?? []).length < 60) return;
              request.destroy();
              resolve(text.split('\n').filter((line) => line !== ''));
            });
            response.resume();
          })().catch(reject);
        });
        request.on('error', reject);
        request.end(JSON.stringify({ create_request: { key: base64('large') } }));
      });
      const revisions = lines.flatMap((line) =>
        [...line.matchAll(/"mod_revision":"(\d+)"/gu)].map(([, text]) => Number(text)),
      );
      expect(revisions).toEqual(Array.from({ length: 60 }, (_, index) => index + 2));
    });
  });
});

describe('over TLS', () => {
  it('the client chooses: HTTP/2 with gRPC and JSON, HTTP/1, or neither named', async () => {
    const pair = certificates.issue('server');
    const [cert, key, ca] = [pair.certFile, pair.keyFile, certificates.caFile].map((file) =>
      readFileSync(file, 'utf8'),
    );
    const client = TestCertificates.text(certificates.issue('client'));
    const server = await EmbeddedEtcd.start({ tls: { cert: cert ?? '', key: key ?? '', clientCa: ca } });
    try {
      const tls = { ...client, ca };
      const etcd = await connect({ endpoints: server.endpoints, shards: 'inline', tls: { ...client, ca } });
      await etcd.kv.put('a', '1');
      await etcd.close();
      const [host = '', port = ''] = server.address.split(':');

      const byHttp1 = await new Promise<IncomingMessage>((resolve, reject) => {
        // Node offers HTTP/1 alone.
        httpsRequest({ host, port, path: '/health', agent: false, ...tls }, resolve)
          .on('error', reject)
          .end();
      });
      expect(await textOf(byHttp1)).toBe(HEALTHY);

      const session = connectHttp2(`https://${server.address}`, tls);
      const over2 = (headers: Record<string, string>, body = ''): Promise<string> =>
        new Promise((resolve, reject) => {
          const stream = session.request(headers);
          let text = '';
          stream.on('response', ({ ':status': status }) => (text = `${String(status)} `));
          stream.on('data', (chunk: Buffer) => (text += String(chunk)));
          stream.on('end', () => {
            resolve(text.trim());
          });
          stream.on('error', reject);
          if (headers[':method'] === 'POST') stream.end(body);
        });
      expect(await over2({ ':path': '/health' })).toBe(`200 ${HEALTHY}`);
      const post = { ':method': 'POST', ':path': '/v3/kv/range' };
      expect(await over2(post, JSON.stringify({ key: base64('a') }))).toContain(`"value":"${base64('1')}"`);
      expect(await over2(post, '{')).toContain('"message":"unexpected EOF"');
      expect(await over2({ ':method': 'HEAD', ':path': '/version' })).toBe('405');
      session.destroy();

      const unnamed = await new Promise<string>((resolve, reject) => {
        const socket = connectTls({ host, port: Number(port), ...tls }, () => {
          socket.write('GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        });
        let text = '';
        socket.on('data', (chunk) => (text += String(chunk)));
        socket.on('end', () => {
          resolve(text);
        });
        socket.on('error', reject);
      });
      expect(unnamed).toContain('"etcdcluster"');
    } finally {
      await server.close();
    }
  });
});

describe('faults', () => {
  it('strike calls over JSON as they do over gRPC', async () => {
    const server = await EmbeddedEtcd.start();
    const kit = FaultKit.of(server);
    try {
      const put = (): Promise<string> => ask(at(server, '/v3/kv/put'), { key: base64('a') });
      await kit.inject({
        rpc: 'KV/Put',
        at: 'call',
        action: { kind: 'refuse', code: 14, text: 'etcdserver: stopped' },
      });
      expect(await put()).toMatch(/^503 .*"code":14,"message":"etcdserver: stopped"/u);
      await kit.inject({ rpc: 'KV/Put', at: 'applied', action: { kind: 'cut', what: 'connection' } });
      expect(await put()).toBe('lost');
      expect(await put()).toContain('"revision":"3"');
      await kit.act({ kind: 'no-leader' });
      expect(await ask(at(server, '/health'))).toBe('503 {"health":"false","reason":"RAFT NO LEADER"}');
      expect(await ask(at(server, '/readyz'))).toMatch(/^503 /u);
      expect(await ask(at(server, '/livez'))).toBe('200 ok');
      const withLeader = { ...at(server, '/v3/kv/put'), headers: { 'grpc-metadata-hasleader': 'true' } };
      expect(await ask(withLeader, { key: base64('a') })).toMatch(/^503 .*etcdserver: no leader/u);
      await kit.act({ kind: 'leader-back' });
      expect(await ask(at(server, '/health'))).toBe(`200 ${HEALTHY}`);
    } finally {
      await server.close();
    }
  });
});
