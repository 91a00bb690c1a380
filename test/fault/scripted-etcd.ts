/** A server that looks like an etcd until it is asked to watch: then a test decides what it answers. Tests only. */
import type { ServerHttp2Stream } from 'node:http2';
import { bytesOf, int64Of, readFields, writeFields } from '../support/raw-protobuf.js';
import { accept, finish, frame, ScriptedServer } from '../support/scripted-server.js';

export interface SeenCreate {
  readonly key: string;
  readonly watchId: bigint;
}

export type OnCreate = (create: SeenCreate, stream: ServerHttp2Stream) => void;

export const REVISION = 100n;
/** What it has told of its revision so far; a store never goes back. */
let newest = REVISION;
const header = (revision: bigint = newest): Buffer => {
  if (revision > newest) newest = revision;
  return writeFields([
    [1, 7n],
    [2, 8n],
    [3, revision],
    [4, 2n],
  ]);
};

export function scriptedEtcd(onCreate: OnCreate): Promise<ScriptedServer> {
  return ScriptedServer.start((stream, headers) => {
    accept(stream);
    if (headers[':path'] === '/etcdserverpb.Watch/Watch') {
      eachMessage(stream, (message) => {
        const create = bytesOf(readFields(message), 1);
        if (create.length === 0) return;
        const fields = readFields(create);
        onCreate({ key: Buffer.from(bytesOf(fields, 1)).toString(), watchId: int64Of(fields, 7) }, stream);
      });
      return;
    }
    const version = headers[':path'] === '/etcdserverpb.Maintenance/Status' ? '3.5.16' : undefined;
    stream.write(
      frame(
        writeFields([
          [1, header()],
          [2, version],
        ]),
      ),
    );
    finish(stream);
  });
}

export function created(watchId: bigint): Buffer {
  return frame(
    writeFields([
      [1, header()],
      [2, watchId],
      [3, true],
    ]),
  );
}

export function putEvent(watchId: bigint, key: string, revision: bigint): Buffer {
  const kv = writeFields([
    [1, key],
    [2, revision],
    [3, revision],
    [4, 1n],
    [5, 'value'],
  ]);
  return withEvent(watchId, writeFields([[2, kv]]), revision);
}

/** An answer to one watch whose event says that it is longer than it is. */
export function brokenEvent(watchId: bigint): Buffer {
  return withEvent(watchId, Buffer.from([0x12, 0x7f, 0x01]), REVISION + 1n);
}

/** Bytes that are no message at all. */
export function garbage(): Buffer {
  return frame(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff]));
}

function withEvent(watchId: bigint, event: Buffer, revision: bigint): Buffer {
  return frame(
    writeFields([
      [1, header(revision)],
      [2, watchId],
      [11, event],
    ]),
  );
}

/** Takes the gRPC messages out of what a client sends. */
function eachMessage(stream: ServerHttp2Stream, take: (message: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const end = 5 + rest.readUInt32BE(1);
      take(rest.subarray(5, end));
      rest = rest.subarray(end);
    }
  });
}
