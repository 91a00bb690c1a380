/** What every transport keeps to over TLS and unix sockets. Used by transport.test.ts for each implementation. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { SecureServerOptions } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint, TlsMaterial } from '../../src/wire/connection-settings.js';
import type { OpenConnection } from '../../src/grpc/grpc-connection.js';
import { TestCertificates } from '../support/certificates.js';
import { countUp, echo, frame, tcpEndpoint } from '../support/scripted-server.js';
import { TEST_PATH, transportBench } from '../support/transport-bench.js';
import { countsAcrossHolds } from './hold-contract.js';

export function secureContract(kind: 'http2' | 'grpc-js', open: OpenConnection): void {
  describe(`TLS and unix sockets over ${kind}`, () => {
    const bench = transportBench(open);
    let certificates: TestCertificates;
    let otherCertificates: TestCertificates;
    /** PEM text, as options take it. */
    let ca: string;
    let otherCa: string;
    let serverPair: { readonly cert: string; readonly key: string };
    let clientPair: { readonly cert: string; readonly key: string };

    beforeAll(() => {
      certificates = TestCertificates.create();
      otherCertificates = TestCertificates.create();
      ca = readFileSync(certificates.caFile, 'utf8');
      otherCa = readFileSync(otherCertificates.caFile, 'utf8');
      serverPair = TestCertificates.text(certificates.issue('server', 'DNS:etcd.test,IP:127.0.0.1'));
      clientPair = TestCertificates.text(certificates.issue('client'));
    });
    afterAll(() => {
      certificates.close();
      otherCertificates.close();
    });

    const serverTls = (more: SecureServerOptions = {}): SecureServerOptions => ({
      cert: serverPair.cert,
      key: serverPair.key,
      ...more,
    });

    async function ask(endpoint: Endpoint, tls: TlsMaterial | undefined): Promise<string> {
      const { connection } = bench.connectTo(endpoint, { tls });
      const answer = await connection.unary(TEST_PATH, Buffer.from('ask'), { timeoutMs: 10_000 });
      return Buffer.from(answer).toString();
    }

    async function failure(endpoint: Endpoint, tls: TlsMaterial | undefined): Promise<string> {
      const { connection, told, call } = bench.connectTo(endpoint, { tls });
      const { recorded } = call();
      await expect(connection.ready()).rejects.toMatchObject({ code: 'connect-failed', outcome: 'not-sent' });
      const error = await told.closed();
      expect(recorded.ends).toHaveLength(1);
      expect(error.message).toContain(endpoint.text);
      expect(error.message).not.toContain('BEGIN');
      return error.message;
    }

    it('speaks to a server whose certificate the CA has signed', async () => {
      const server = await bench.serve(echo, { tls: serverTls() });
      expect(await ask(server.endpoint, { ca })).toBe('ask');
    });

    it('reads nothing over TLS while it is held, and all of it afterwards, in order', async () => {
      const server = await bench.serve(countUp(1), { tls: serverTls() });
      const { connection, call } = bench.connectTo(server.endpoint, { tls: { ca } });
      await countsAcrossHolds(connection, call().recorded, kind === 'http2');
    });

    it('trusts what an intermediate authority has signed that is given alone, and nothing that its own signer has', async () => {
      const intermediate = certificates.intermediate();
      try {
        const below = TestCertificates.text(intermediate.issue('below', 'DNS:etcd.test,IP:127.0.0.1'));
        const alone = readFileSync(intermediate.caFile, 'utf8');
        const server = await bench.serve(echo, { tls: { cert: below.cert, key: below.key } });
        expect(await ask(server.endpoint, { ca: alone })).toBe('ask');
        const others = await bench.serve(echo, { tls: serverTls() });
        expect(await failure(others.endpoint, { ca: alone })).toMatch(/certificate/);
      } finally {
        intermediate.close();
      }
    });

    it('refuses a certificate of another CA', async () => {
      const server = await bench.serve(echo, { tls: serverTls() });
      const text = await failure(server.endpoint, { ca: otherCa });
      expect(text).toMatch(/certificate/);
      if (kind === 'http2') expect(text).toContain('tls.ca');
    });

    it('checks the name in the certificate against serverName, and sends only names as SNI', async () => {
      const names: unknown[] = [];
      const server = await bench.serve(
        (stream) => {
          // The session's socket is a proxy of the TLSSocket, which knows the name that was sent.
          names.push((stream.session?.socket as unknown as { servername?: unknown } | undefined)?.servername);
          echo(stream);
        },
        { tls: serverTls() },
      );
      expect(await ask(server.endpoint, { ca, serverName: 'etcd.test' })).toBe('ask');
      const text = await failure(server.endpoint, { ca, serverName: 'elsewhere.test' });
      if (kind === 'http2') {
        expect(text).toContain('tls.serverName');
        expect(await ask(server.endpoint, { ca })).toBe('ask');
        expect(names).toEqual(['etcd.test', false]);
      }
    });

    it('sends a name that is written with a dot at its end without it, and never an address', async () => {
      const names: unknown[] = [];
      const server = await bench.serve(
        (stream) => {
          names.push((stream.session?.socket as unknown as { servername?: unknown } | undefined)?.servername);
          echo(stream);
        },
        { tls: serverTls() },
      );
      expect(await ask(server.endpoint, { ca, serverName: 'etcd.test.' })).toBe('ask');
      expect(await ask(server.endpoint, { ca, serverName: '127.0.0.1' })).toBe('ask');
      // grpc-js cannot send none.
      expect(names).toEqual(['etcd.test', kind === 'http2' ? false : 'etcd']);
    });

    it('accepts any certificate with insecureSkipVerify', async () => {
      const server = await bench.serve(echo, { tls: serverTls() });
      expect(await ask(server.endpoint, { insecureSkipVerify: true })).toBe('ask');
    });

    it('shows its client certificate where the server wants one', async () => {
      const tls = serverTls({ ca, requestCert: true, rejectUnauthorized: true });
      const server = await bench.serve(echo, { tls });
      const { cert, key } = clientPair;
      expect(await ask(server.endpoint, { ca, cert, key })).toBe('ask');
      const text = await failure(server.endpoint, { ca });
      if (kind === 'http2') expect(text).toContain('tls.cert');
    });

    it('tells a TLS peer that does not offer HTTP/2', async () => {
      const server = createTlsServer({ cert: serverPair.cert, key: serverPair.key }, (socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      bench.closing(() => void server.close());
      // A server that listens on a port has an AddressInfo.
      const endpoint = tcpEndpoint((server.address() as AddressInfo).port, true);
      const text = await failure(endpoint, { ca });
      if (kind === 'http2') expect(text).toContain('ALPN h2');
    });

    it('tells a plain peer behind https://, and a TLS peer behind http://', async () => {
      const plain = await bench.serve(echo);
      if (plain.endpoint.kind !== 'tcp') throw new Error('a server on a port has a tcp endpoint');
      await failure(tcpEndpoint(plain.endpoint.port, true), { ca });
      const secure = await bench.serve(echo, { tls: serverTls() });
      if (secure.endpoint.kind !== 'tcp') throw new Error('a server on a port has a tcp endpoint');
      await failure(tcpEndpoint(secure.endpoint.port, false), undefined);
    });

    it('tells material that is not PEM, and never repeats it', async () => {
      const server = await bench.serve(echo, { tls: serverTls() });
      const text = await failure(server.endpoint, { ca, cert: 'SECRET', key: 'SECRET' });
      expect(text).not.toContain('SECRET');
    });

    it('speaks over a unix socket', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-unix-'));
      bench.closing(() => rmSync(folder, { recursive: true }));
      const server = await bench.serve(echo, { path: join(folder, 'etcd.sock') });
      const { call } = bench.connectTo(server.endpoint);
      const { stream, recorded } = call();
      stream.write(frame('over unix'));
      await recorded.received(1);
      expect(recorded.texts).toEqual(['over unix']);
    });

    it('reads nothing from a unix socket while it is held', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'etcd-vigil-unix-'));
      bench.closing(() => rmSync(folder, { recursive: true }));
      const server = await bench.serve(countUp(1), { path: join(folder, 'etcd.sock') });
      const { connection, call } = bench.connectTo(server.endpoint);
      await countsAcrossHolds(connection, call().recorded, kind === 'http2');
    });

    it('tells a unix socket that does not exist', async () => {
      const path = join(tmpdir(), 'etcd-vigil-no-such.sock');
      const text = await failure({ kind: 'unix', tls: false, path, text: `unix://${path}` }, undefined);
      expect(text).toContain('ENOENT');
    });
  });
}
