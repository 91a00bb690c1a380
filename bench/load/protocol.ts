/**
 * etcd's messages for the writer and the raw client: the package's .proto files read by protobufjs, and a grpc-js client.
 * Independent of the code under test.
 */
import { fileURLToPath } from 'node:url';
import { Client, credentials, Metadata, type ClientDuplexStream } from '@grpc/grpc-js';
import protobuf from 'protobufjs';

/** From bench/dist/bench/load/. */
export const packageRoot: string = fileURLToPath(new URL('../../../../', import.meta.url));

const root = new protobuf.Root().loadSync(`${packageRoot}protos/rpc.proto`);

/** Encoding and decoding of one message type; `Message` is its decoded shape as far as it is read. */
export interface Codec<Message> {
  encode(fields: object): Buffer;
  decode(bytes: Buffer): Message;
}

export function codec<Message>(typeName: string): Codec<Message> {
  const type = root.lookupType(typeName);
  return {
    encode: (fields) => {
      const bytes = type.encode(fields).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    // The caller states the fields that it reads; protobufjs types none of them.
    decode: (bytes) => type.decode(bytes) as unknown as Message,
  };
}

/** An int64 as protobufjs decodes it. */
export interface Int64 {
  toNumber(): number;
}

export interface Header {
  readonly header: { readonly revision: Int64 };
}

export class RawClient {
  readonly #client: Client;

  constructor(endpoint: string) {
    this.#client = new Client(endpoint.replace(/^http:\/\//, ''), credentials.createInsecure(), {
      'grpc.max_receive_message_length': -1,
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  unary<Answer>(method: string, request: Codec<unknown>, answer: Codec<Answer>, fields: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        `/etcdserverpb.${method}`,
        (message: object) => request.encode(message),
        (bytes) => answer.decode(bytes),
        fields,
        (error, value) => {
          if (error !== null) reject(error);
          else if (value === undefined) reject(new Error(`${method}: no answer`));
          else resolve(value);
        },
      );
    });
  }

  stream<Answer>(method: string, request: Codec<unknown>, answer: Codec<Answer>): ClientDuplexStream<object, Answer> {
    return this.#client.makeBidiStreamRequest(
      `/etcdserverpb.${method}`,
      (message: object) => request.encode(message),
      (bytes) => answer.decode(bytes),
      new Metadata(),
    );
  }

  close(): void {
    this.#client.close();
  }
}

const rangeRequest = codec<unknown>('etcdserverpb.RangeRequest');
const rangeResponse = codec<Header>('etcdserverpb.RangeResponse');

/** The store's revision; also proves that the connection works. */
export async function currentRevision(client: RawClient): Promise<number> {
  const { header } = await client.unary('KV/Range', rangeRequest, rangeResponse, {
    key: Buffer.from('\0'),
    countOnly: true,
  });
  return header.revision.toNumber();
}
