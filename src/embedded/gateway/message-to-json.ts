/**
 * Prints a protobuf message as JSON, as etcd's gateway does: fields in the order and under the names of the .proto file, 64-bit numbers
 * as texts, bytes as base64, enums by name, nothing that has its default (but for what is set in a oneof). Pure. For messages that this
 * server wrote: what is none is a defect.
 */
import { enums, messages, type FieldRow } from '../../generated/fields.js';

/** A field's value on the wire: a varint, or bytes. */
type WireValue = bigint | Uint8Array;

const EMPTY: Readonly<Record<string, number>> = {};

export function messageToJson(type: string, bytes: Uint8Array): string {
  const values = wireValues(bytes);
  const members: string[] = [];
  for (const field of messages[type] ?? []) {
    const [name, id, , isRepeated, oneof] = field;
    const found = values.get(id);
    const last = found?.at(-1);
    if (found === undefined || last === undefined) continue;
    if (isRepeated) members.push(`${JSON.stringify(name)}:[${found.map((value) => printed(field, value)).join(',')}]`);
    else if (oneof !== '' || !isDefault(field, last)) members.push(`${JSON.stringify(name)}:${printed(field, last)}`);
  }
  return `{${members.join(',')}}`;
}

function isDefault([, , type]: FieldRow, value: WireValue): boolean {
  if (messages[type] !== undefined) return false;
  return typeof value === 'bigint' ? value === 0n : value.length === 0;
}

function printed([, , type]: FieldRow, value: WireValue): string {
  if (typeof value !== 'bigint') {
    if (messages[type] !== undefined) return messageToJson(type, value);
    return JSON.stringify(Buffer.from(value).toString(type === 'bytes' ? 'base64' : 'utf8'));
  }
  switch (type) {
    case 'bool':
      return value === 0n ? 'false' : 'true';
    case 'int64':
      return `"${BigInt.asIntN(64, value)}"`;
    case 'uint64':
      return `"${value}"`;
    case 'int32':
      return String(BigInt.asIntN(32, value));
    case 'uint32':
      return String(BigInt.asUintN(32, value));
    default:
      return enumName(type, Number(BigInt.asIntN(32, value)));
  }
}

/** A number that has no name is printed as such. */
function enumName(type: string, number: number): string {
  const found = Object.entries(enums[type] ?? EMPTY).find(([, value]) => value === number);
  return found === undefined ? String(number) : JSON.stringify(found[0]);
}

function wireValues(bytes: Uint8Array): Map<number, WireValue[]> {
  const values = new Map<number, WireValue[]>();
  let position = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[position];
      if (byte === undefined) throw new Error('a message ends within a number');
      position += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
  };
  while (position < bytes.length) {
    const tag = Number(varint());
    const wireType = tag & 7;
    let value: WireValue;
    if (wireType === 0) value = varint();
    else if (wireType === 2) {
      const length = Number(varint());
      value = bytes.subarray(position, position + length);
      position += length;
    } else throw new Error(`a message has a field of wire type ${wireType}`);
    const id = tag >>> 3;
    const known = values.get(id);
    if (known === undefined) values.set(id, [value]);
    else known.push(value);
  }
  return values;
}
