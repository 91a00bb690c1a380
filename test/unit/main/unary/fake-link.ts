/** A link to a member on simulated time, whose connections do what the test says. */
import { MemberLink, type LinkParts } from '../../../../src/main/unary/member-link.js';
import type { ConnectionHandlers, GrpcConnection, UnaryOptions } from '../../../../src/grpc/grpc-connection.js';
import { EtcdError } from '../../../../src/wire/errors.js';
import { SimulatedTimers } from '../../member/simulated-timers.js';
import { settingsFor } from './scripted-server.js';

export const ENDPOINT = 'http://member:2379';

export class FakeConnection implements GrpcConnection {
  readonly endpoint = settingsFor(ENDPOINT).endpoints[0] as GrpcConnection['endpoint'];
  readonly freeStreams = 100;
  acceptsStreams = true;
  isClosed = false;
  readonly handlers: ConnectionHandlers;
  readonly #ready: Promise<void>;

  constructor(handlers: ConnectionHandlers, ready: Promise<void>) {
    this.handlers = handlers;
    this.#ready = ready;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  /** Never answers. */
  unary(_path: string, _request: Uint8Array, _options: UnaryOptions): Promise<Uint8Array> {
    return new Promise(() => undefined);
  }

  openStream(): never {
    throw new Error('no streams here');
  }

  hold(): void {
    return;
  }

  release(): void {
    return;
  }

  close(): void {
    this.isClosed = true;
    this.acceptsStreams = false;
  }

  leave(): void {
    this.acceptsStreams = false;
    this.handlers.onGoaway(gone('goaway'));
  }

  lose(): void {
    this.acceptsStreams = false;
    this.handlers.onClose(gone('lost'));
  }
}

export function gone(text: string): EtcdError {
  return new EtcdError(text, { code: 'unavailable', outcome: 'unknown' });
}

export interface LinkRig {
  readonly link: MemberLink;
  readonly timers: SimulatedTimers;
  readonly opened: FakeConnection[];
  readonly failures: string[];
}

export function linkRig(connect: (attempt: number) => Promise<void>, more: Partial<LinkParts> = {}): LinkRig {
  const timers = new SimulatedTimers();
  const opened: FakeConnection[] = [];
  const failures: string[] = [];
  const settings = settingsFor(ENDPOINT);
  const parts: LinkParts = {
    transport: () =>
      Promise.resolve((_endpoint, _settings, handlers) => {
        const connection = new FakeConnection(handlers, connect(opened.length));
        opened.push(connection);
        return connection;
      }),
    timers,
    now: () => timers.nowMs,
    random: () => 0,
    identify: undefined,
    onFailure: (endpoint) => void failures.push(endpoint),
    ...more,
  };
  const endpoint = settings.endpoints[0];
  if (endpoint === undefined) throw new Error('there is one endpoint');
  return { link: new MemberLink(endpoint, settings, parts), timers, opened, failures };
}
