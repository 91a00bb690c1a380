/** Every method of protos/, with its generated message classes: what a test needs to call any of them by name. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as generated from '../../src/generated/etcd.js';

/** What is used of a generated class. Requests are plain objects of its fields. */
export interface MessageClass {
  encode(message: object): { finish(): Uint8Array };
  decode(bytes: Uint8Array): object;
}

export interface RpcMethod {
  /** Such as `/etcdserverpb.KV/Range`. */
  readonly path: string;
  readonly request: MessageClass;
  readonly response: MessageClass;
  readonly streamsAnswers: boolean;
}

const PROTOS = join(import.meta.dirname, '../../protos');

/** By service and method, such as `KV/Range`. Methods to which the client streams are left out. */
export const rpcMethods: ReadonlyMap<string, RpcMethod> = new Map(
  readdirSync(PROTOS).flatMap((file) => methodsIn(readFileSync(join(PROTOS, file), 'utf8').replace(/\/\/.*$/gm, ''))),
);

function methodsIn(proto: string): (readonly [string, RpcMethod])[] {
  const packageName = /package ([\w.]+);/.exec(proto)?.[1] ?? '';
  return [...proto.matchAll(/service (\w+) \{([^}]*)\}/g)].flatMap(([, service = '', body = '']) =>
    [...body.matchAll(/rpc (\w+)\((\w+)\) returns \((stream )?(\w+)\)/g)].map(
      ([, method = '', request = '', streams, response = '']) =>
        [
          `${service}/${method}`,
          {
            path: `/${packageName}.${service}/${method}`,
            request: messageClass(packageName, request),
            response: messageClass(packageName, response),
            streamsAnswers: streams !== undefined,
          },
        ] as const,
    ),
  );
}

function messageClass(packageName: string, name: string): MessageClass {
  let found: unknown = generated;
  // Namespaces and classes are properties of what the module exports.
  for (const part of [...packageName.split('.'), name]) found = (found as Readonly<Record<string, unknown>>)[part];
  if (typeof found !== 'function') throw new Error(`protos/ has no message ${packageName}.${name}`);
  return found as unknown as MessageClass; // a class that pbjs generated
}
