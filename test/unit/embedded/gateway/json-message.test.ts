import { describe, expect, it } from 'vitest';
import { JsonIncomplete, JsonSyntaxError, readJson } from '../../../../src/embedded/gateway/json-reader.js';
import { GATEWAY_ROUTES } from '../../../../src/embedded/gateway/gateway-routes.js';
import { messageFromJson } from '../../../../src/embedded/gateway/json-to-message.js';
import { messageToJson } from '../../../../src/embedded/gateway/message-to-json.js';
import { etcdserverpb as rpc } from '../../../../src/generated/etcd.js';
import { enums, messages, methods } from '../../../../src/generated/fields.js';
import { Rng } from '../../../support/rng.js';

/** From 0 to 1. */
function randomOf(seed: number): () => number {
  const random = new Rng(seed);
  return () => random.uint32() / 2 ** 32;
}

function encode(type: string, text: string): Uint8Array {
  const read = readJson(text);
  if (read === undefined) throw new Error('no value');
  return messageFromJson(type, read.value, text);
}

/** A message with chance values in it, none of them a default, as the gateway prints it. */
function anyMessage(type: string, random: () => number, depth = 0): Record<string, unknown> {
  const message: Record<string, unknown> = {};
  const oneofs = new Set<string>();
  for (const [name, , fieldType, isRepeated, oneof] of messages[type] ?? []) {
    if (random() < 0.3 || (messages[fieldType] !== undefined && depth > 3)) continue;
    if (oneof !== '' && oneofs.has(oneof)) continue;
    oneofs.add(oneof);
    const one = (): unknown => anyValue(fieldType, random, depth);
    message[name] = isRepeated ? [one(), one()] : one();
  }
  return message;
}

function anyValue(type: string, random: () => number, depth: number): unknown {
  if (messages[type] !== undefined) return anyMessage(type, random, depth + 1);
  const names = Object.entries(enums[type] ?? {}).filter(([, value]) => value !== 0);
  if (enums[type] !== undefined) return names[Math.floor(random() * names.length)]?.[0];
  const number = BigInt(Math.floor(random() * 2 ** 31)) + 1n;
  switch (type) {
    case 'bytes':
      return Buffer.from([1, Math.floor(random() * 256), 255]).toString('base64');
    case 'string':
      return `text \u00fc "${String(number)}" \\ \n`;
    case 'bool':
      return true;
    case 'int64':
      return String(random() < 0.5 ? -number * 4_000_000_000n : number * 4_000_000_000n);
    case 'uint64':
      return String(2n ** 64n - number);
    default:
      return Number(number);
  }
}

describe('messages as JSON', () => {
  it('come back as they were, for every message of every path', () => {
    const random = randomOf(7);
    for (const { request, response } of GATEWAY_ROUTES.values())
      for (const type of [request, response])
        for (let round = 0; round < 30; round++) {
          const text = JSON.stringify(anyMessage(type, random));
          expect(messageToJson(type, encode(type, text))).toBe(text);
        }
  });

  it('are the messages of the generated code', () => {
    const text =
      '{"key":"YQ==","rangeEnd":"Yg==","limit":"-9223372036854775808","sort_order":"DESCEND","keys_only":true}';
    const request = rpc.RangeRequest.decode(encode('etcdserverpb.RangeRequest', text));
    expect([Buffer.from(request.key).toString(), Buffer.from(request.rangeEnd).toString()]).toEqual(['a', 'b']);
    expect([request.limit.toString(), request.sortOrder, request.keysOnly]).toEqual(['-9223372036854775808', 2, true]);
    const response = rpc.RangeResponse.encode({ kvs: [{ key: Buffer.from('a') }, {}], more: false }).finish();
    expect(messageToJson('etcdserverpb.RangeResponse', response)).toBe('{"kvs":[{"key":"YQ=="},{}]}');
  });

  it('every path stands for a method that there is, and no method is forgotten but those that no path has', () => {
    const called = new Set([...GATEWAY_ROUTES.values()].map(({ method }) => method));
    const missing = Object.keys(methods).filter((method) => !called.has(method));
    expect(missing.sort()).toEqual([
      ...['/etcdserverpb.KV/RangeStream', '/grpc.health.v1.Health/Check', '/grpc.health.v1.Health/Watch'],
    ]);
    expect(GATEWAY_ROUTES.size).toBe(51 - 3 + 3);
  });
});

describe('readJson', () => {
  it('reads one value after another, with numbers as they were written', () => {
    const text = ' {"a":7587899158764492630} [1.50, -0e+2] "\\ud83d\\ude00\\n" true null';
    const kinds: string[] = [];
    for (let at = 0; ;) {
      const read = readJson(text, at);
      if (read === undefined) break;
      kinds.push(read.value.kind);
      if (read.value.kind === 'object')
        expect(read.value.members[0]?.value).toMatchObject({ raw: '7587899158764492630' });
      if (read.value.kind === 'string') expect(read.value.text).toBe('\u{1f600}\n');
      at = read.end;
    }
    expect(kinds).toEqual(['object', 'array', 'string', 'literal', 'literal']);
  });

  it('tells a text that may go on from one that cannot', () => {
    const whole = '{"a":[1,"b\\u0041",{"c":null}],"d":-1.5e3}';
    for (let length = 1; length < whole.length; length++)
      expect(() => readJson(whole.slice(0, length))).toThrow(JsonIncomplete);
    for (const text of ['{a', '{"a":}', '[1 2]', '{"a":1,}', 'tru3', '"\u0002"', "'a'"])
      expect(() => readJson(text)).toThrow(/^invalid character/u);
  });

  it('never fails in another way, whatever it is given', () => {
    const random = randomOf(11);
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      'u00',
      '1',
      '-',
      '.',
      'e',
      'true',
      'nul',
      ' ',
      'ü',
      '\u0000',
    ];
    for (let round = 0; round < 5_000; round++) {
      const length = Math.floor(random() * 12);
      const text = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join('');
      try {
        const read = readJson(text);
        if (read !== undefined) messageFromJson('etcdserverpb.TxnRequest', read.value, text);
      } catch (error) {
        expect(error).toBeInstanceOf(JsonSyntaxError);
      }
    }
    expect(() => readJson('['.repeat(100_000))).toThrow('exceeded max depth');
  });
});
