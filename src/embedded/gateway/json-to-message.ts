/**
 * Makes a protobuf message of its JSON, by the rules of proto3: names as in the .proto file or in camel case, 64-bit numbers as numbers or
 * texts, bytes as base64 of either alphabet, enums by name or number; what there is not is ignored. Pure. Refusals have the words of Go's
 * protojson, with the place.
 */
import { enums, messages, type FieldRow } from '../../generated/fields.js';
import { JsonSyntaxError, type JsonMember, type JsonValue } from './json-reader.js';
import { MessageWriter } from './message-writer.js';

type FieldsByName = ReadonlyMap<string, FieldRow>;

const INT_BITS: Readonly<Record<string, { readonly bits: number; readonly signed: boolean }>> = {
  int32: { bits: 32, signed: true },
  int64: { bits: 64, signed: true },
  uint32: { bits: 32, signed: false },
  uint64: { bits: 64, signed: false },
};
const fieldsByType = new Map<string, FieldsByName>();

/**
 * @param text what the value was read from, for the places in refusals.
 * @throws JsonSyntaxError for JSON that is no such message.
 */
export function messageFromJson(type: string, value: JsonValue, text: string): Uint8Array {
  return new Encoder(text).message(type, value);
}

class Encoder {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  message(type: string, value: JsonValue): Uint8Array {
    if (value.kind !== 'object') throw this.#syntax(value);
    const writer = new MessageWriter();
    const fields = fieldsOf(type);
    const seen = new Set<string>();
    for (const member of value.members) {
      const field = fields.get(member.name);
      if (field === undefined) continue;
      const [name, , , , oneof] = field;
      if (seen.has(name)) throw this.#at(member.at, `duplicate field ${JSON.stringify(member.name)}`);
      seen.add(name);
      if (isNull(member.value)) continue;
      if (oneof !== '' && seen.has(`oneof ${oneof}`))
        throw this.#at(
          member.at,
          `error parsing ${JSON.stringify(member.name)}, oneof ${type}.${oneof} is already set`,
        );
      if (oneof !== '') seen.add(`oneof ${oneof}`);
      this.#field(writer, field, member);
    }
    return writer.finish();
  }

  #field(writer: MessageWriter, field: FieldRow, { value }: JsonMember): void {
    const [, , , isRepeated] = field;
    if (!isRepeated) {
      this.#value(writer, field, value);
      return;
    }
    if (value.kind !== 'array') throw this.#syntax(value);
    for (const item of value.items) {
      if (isNull(item)) throw this.#syntax(item);
      this.#value(writer, field, item);
    }
  }

  #value(writer: MessageWriter, field: FieldRow, value: JsonValue): void {
    const [, id, type] = field;
    if (messages[type] !== undefined) writer.bytes(id, this.message(type, value));
    else if (enums[type] !== undefined) {
      const number = this.#enumNumber(field, enums[type], value);
      if (number !== undefined) writer.varint(id, number);
    } else if (type === 'bytes') writer.bytes(id, this.#bytes(field, value));
    else if (type === 'string') {
      if (value.kind !== 'string') throw this.#invalid(field, value);
      writer.bytes(id, Buffer.from(value.text));
    } else if (type === 'bool') {
      if (value.kind !== 'literal') throw this.#invalid(field, value);
      writer.varint(id, value.raw === 'true' ? 1n : 0n);
    } else writer.varint(id, this.#integer(field, value));
  }

  #integer(field: FieldRow, value: JsonValue): bigint {
    const limits = INT_BITS[field[2]];
    const number = value.kind === 'number' ? value.raw : value.kind === 'string' ? value.text : undefined;
    const whole = number === undefined ? undefined : integerOf(number);
    if (limits === undefined || whole === undefined) throw this.#invalid(field, value);
    const { bits, signed } = limits;
    if ((signed ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole)) !== whole)
      throw this.#invalid(field, value);
    return whole;
  }

  /** Undefined for a name that there is not, which is ignored. */
  #enumNumber(field: FieldRow, values: Readonly<Record<string, number>>, value: JsonValue): bigint | undefined {
    if (value.kind === 'string') {
      const number = values[value.text];
      return number === undefined ? undefined : BigInt(number);
    }
    const number = value.kind === 'number' ? integerOf(value.raw) : undefined;
    if (number === undefined || BigInt.asIntN(32, number) !== number) throw this.#invalid(field, value);
    return number;
  }

  #bytes(field: FieldRow, value: JsonValue): Uint8Array {
    const bytes = value.kind === 'string' ? fromBase64(value.text) : undefined;
    if (bytes === undefined) throw this.#invalid(field, value);
    return bytes;
  }

  #invalid([name, , type]: FieldRow, value: JsonValue): JsonSyntaxError {
    const kind = enums[type] === undefined ? type : 'enum';
    return this.#at(value.at, `invalid value for ${kind} field ${camelCase(name)}: ${tokenOf(value)}`);
  }

  #syntax(value: JsonValue): JsonSyntaxError {
    return new JsonSyntaxError(`proto: syntax error ${this.#place(value.at)}: unexpected token ${tokenOf(value)}`);
  }

  #at(at: number, what: string): JsonSyntaxError {
    return new JsonSyntaxError(`proto: ${this.#place(at)}: ${what}`);
  }

  #place(at: number): string {
    const before = this.#text.slice(0, at).split('\n');
    return `(line ${before.length}:${(before.at(-1) ?? '').length + 1})`;
  }
}

/** What a value begins with. */
function tokenOf(value: JsonValue): string {
  return value.kind === 'object' ? '{' : value.kind === 'array' ? '[' : value.raw;
}

function isNull(value: JsonValue): boolean {
  return value.kind === 'literal' && value.raw === 'null';
}

function fieldsOf(type: string): FieldsByName {
  const known = fieldsByType.get(type);
  if (known !== undefined) return known;
  const rows = messages[type] ?? [];
  const fields = new Map(rows.flatMap((row) => [[camelCase(row[0]), row] as const, [row[0], row] as const]));
  fieldsByType.set(type, fields);
  return fields;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/gu, (_, letter: string) => letter.toUpperCase());
}

/** Whole numbers only, also where they are written with a point or an exponent. */
function integerOf(text: string): bigint | undefined {
  const parts = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/u.exec(text);
  if (parts === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const shift = Number(exponent) - fraction.length;
  const digits = whole + fraction;
  const kept = shift >= 0 ? digits + '0'.repeat(shift) : digits.slice(0, shift);
  if (shift < 0 && /[1-9]/u.test(digits.slice(shift))) return undefined;
  return BigInt(`${sign}${kept === '' ? '0' : kept}`);
}

/** Of either alphabet, padded or not. */
function fromBase64(text: string): Uint8Array | undefined {
  const clean = text.replace(/[\r\n]/gu, '');
  const alphabet = /[-_]/u.test(clean) ? /^[\w-]*(={0,2})$/u : /^[A-Za-z0-9+/]*(={0,2})$/u;
  const padding = alphabet.exec(clean)?.[1];
  if (padding === undefined) return undefined;
  const isWhole = clean.length % 4 === 0;
  // Only a whole text is padded; one character of four bytes says nothing.
  if (padding !== '' && !isWhole) return undefined;
  if (clean.length % 4 === 1) return undefined;
  return Buffer.from(clean, 'base64');
}
