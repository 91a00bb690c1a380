/** Stream and connection handlers that keep what they are told, for tests of transports. */
import type { ConnectionSettings } from '../../src/wire/connection-settings.js';
import type { EtcdError } from '../../src/wire/errors.js';
import type { ConnectionHandlers, StreamHandlers } from '../../src/grpc/grpc-connection.js';
import { eventually } from './poll.js';

/** Keeps copies of the messages, and every end it was told. */
export class RecordedStream implements StreamHandlers {
  readonly messages: Buffer[] = [];
  readonly ends: (EtcdError | undefined)[] = [];
  readonly onEach: ((message: Buffer) => void) | undefined;

  constructor(onEach?: (message: Buffer) => void) {
    this.onEach = onEach;
  }

  get texts(): string[] {
    return this.messages.map((message) => message.toString('utf8'));
  }

  onMessage(buffer: Uint8Array, start: number, end: number): void {
    const message = Buffer.from(buffer.subarray(start, end));
    this.messages.push(message);
    this.onEach?.(message);
  }

  onEnd(error: EtcdError | undefined): void {
    this.ends.push(error);
  }

  async received(count: number): Promise<void> {
    await eventually(() => this.messages.length >= count || this.ends.length > 0, { what: 'messages' });
    if (this.messages.length < count) throw this.ends[0] ?? new Error('the stream ended OK before its messages came');
  }

  /** The end, once it came; undefined is OK. */
  async ended(): Promise<EtcdError | undefined> {
    await eventually(() => this.ends.length > 0, { what: 'the end of the stream' });
    return this.ends[0];
  }
}

export class RecordedConnection implements ConnectionHandlers {
  readonly goaways: EtcdError[] = [];
  readonly closes: EtcdError[] = [];

  onGoaway(error: EtcdError): void {
    this.goaways.push(error);
  }

  onClose(error: EtcdError): void {
    this.closes.push(error);
  }

  async closed(): Promise<EtcdError> {
    await eventually(() => this.closes.length > 0, { what: 'the end of the connection' });
    return this.closes[0] as EtcdError; // just seen to be there
  }
}

export function testSettings(changes: Partial<ConnectionSettings> = {}): ConnectionSettings {
  return {
    endpoints: [],
    tls: undefined,
    transport: 'http2',
    connectTimeoutMs: 5000,
    pingIntervalMs: 30_000,
    pingTimeoutMs: 10_000,
    streamWindowBytes: 4 << 20,
    connectionWindowBytes: 16 << 20,
    maxMessageBytes: 2 ** 31 - 1,
    ...changes,
  };
}
