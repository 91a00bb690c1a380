/**
 * Reads along on one plain-text connection to etcd and tells which gRPC messages the server sends. Pure: fed with bytes.
 * Paths are HPACK-coded and not decoded here. It does not need them: of etcd's calls only Watch and LeaseKeepAlive leave
 * the client's side open, and their requests begin with different wire types.
 */
import {
  dataOf,
  FLAG_END_STREAM,
  FRAME_DATA,
  FRAME_HEADERS,
  FRAME_RST_STREAM,
  FrameSplitter,
  shortenedData,
  type Http2Frame,
} from './h2-frames.js';
import { MessageAssembler } from './grpc-messages.js';
import { int64Of, readFields } from './raw-protobuf.js';
import { decodeWatchResponse } from './raw-watch.js';

/** A message on its way from the server to the client. */
export type SeenMessage =
  | {
      readonly kind: 'watch';
      readonly streamId: number;
      readonly watchId: bigint;
      readonly created: boolean;
      readonly canceled: boolean;
      readonly fragment: boolean;
      readonly eventCount: number;
      readonly headerRevision: bigint;
      /** 0 without events. */
      readonly lastModRevision: bigint;
    }
  | {
      readonly kind: 'keep-alive';
      readonly streamId: number;
      readonly leaseId: bigint;
      readonly ttlSeconds: bigint;
    }
  | { readonly kind: 'other'; readonly streamId: number; readonly bytes: number };

/** What the proxy does on a message: pass it on, or cut the connection just before or just after it. */
export type Verdict = 'pass' | 'cut-before' | 'cut-after';

export interface TapResult {
  /** What to forward. */
  readonly bytes: Buffer;
  /** Whether to cut once that is forwarded. */
  readonly cut: boolean;
}

interface StreamState {
  readonly requests: MessageAssembler;
  readonly answers: MessageAssembler;
  kind: SeenMessage['kind'] | 'unknown';
}

export class GrpcTap {
  readonly #fromClient = new FrameSplitter(24);
  readonly #fromServer = new FrameSplitter(0);
  readonly #streams = new Map<number, StreamState>();
  readonly #judge: (message: () => SeenMessage) => Verdict;

  /** `judge` is asked for every message of the server; taking it apart costs much, so only on the judge's demand, during the call. */
  constructor(judge: (message: () => SeenMessage) => Verdict) {
    this.#judge = judge;
  }

  /** Learns what each stream is. The bytes themselves are forwarded as they are. */
  clientSent(chunk: Buffer): void {
    for (const frame of this.#fromClient.push(chunk)) {
      if (frame.type === FRAME_RST_STREAM) this.#streams.delete(frame.streamId);
      if (frame.type !== FRAME_DATA) continue;
      const stream = this.#stream(frame.streamId);
      const first = stream.requests.push(dataOf(frame))[0];
      if (stream.kind === 'unknown' && first !== undefined) stream.kind = kindOfRequest(first.body);
      if ((frame.flags & FLAG_END_STREAM) !== 0) stream.kind = 'other';
    }
  }

  /** Whole frames only: an incomplete one is held back until its rest arrives. */
  serverSent(chunk: Buffer): TapResult {
    const out: Buffer[] = [];
    for (const frame of this.#fromServer.push(chunk)) {
      const length = frame.type === FRAME_DATA ? this.#dataToForward(frame) : undefined;
      if (length !== undefined) return { bytes: Buffer.concat([...out, shortenedData(frame, length)]), cut: true };
      out.push(frame.raw);
      // The bit of END_STREAM means something else on SETTINGS and PING.
      const trailers = frame.type === FRAME_HEADERS && (frame.flags & FLAG_END_STREAM) !== 0;
      if (trailers || frame.type === FRAME_RST_STREAM) this.#streams.delete(frame.streamId);
    }
    return { bytes: out.length === 1 ? (out[0] ?? chunk) : Buffer.concat(out), cut: false };
  }

  /** How much of the frame's data goes out before the cut; undefined where nothing is cut. */
  #dataToForward(frame: Http2Frame): number | undefined {
    const stream = this.#stream(frame.streamId);
    for (const message of stream.answers.push(dataOf(frame))) {
      const verdict = this.#judge(() => describe(stream.kind, frame.streamId, message.body));
      if (verdict === 'cut-after') return message.end;
      // A message that began in an earlier frame has gone out in part. Its end has not, so the client never sees it.
      if (verdict === 'cut-before') return message.start;
    }
    return undefined;
  }

  #stream(streamId: number): StreamState {
    let stream = this.#streams.get(streamId);
    if (stream === undefined) {
      stream = { requests: new MessageAssembler(), answers: new MessageAssembler(), kind: 'unknown' };
      this.#streams.set(streamId, stream);
    }
    return stream;
  }
}

/** WatchRequest is a union of messages (length-delimited); LeaseKeepAliveRequest is one int64. */
function kindOfRequest(request: Buffer): 'watch' | 'keep-alive' | 'other' {
  const first = request[0];
  if (first === 0x08) return 'keep-alive';
  return first === 0x0a || first === 0x12 || first === 0x1a ? 'watch' : 'other';
}

function describe(kind: StreamState['kind'], streamId: number, body: Buffer): SeenMessage {
  switch (kind) {
    case 'watch': {
      const { events, watchId, created, canceled, fragment, headerRevision } = decodeWatchResponse(body);
      const lastModRevision = events.at(-1)?.modRevision ?? 0n;
      const eventCount = events.length;
      return { kind, streamId, watchId, created, canceled, fragment, eventCount, headerRevision, lastModRevision };
    }
    case 'keep-alive': {
      const fields = readFields(body);
      return { kind, streamId, leaseId: int64Of(fields, 2), ttlSeconds: int64Of(fields, 3) };
    }
    case 'other':
    case 'unknown':
      return { kind: 'other', streamId, bytes: body.length };
    default:
      return kind satisfies never;
  }
}
