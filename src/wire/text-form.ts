/**
 * How public values look as JSON and in `util.inspect`. Pure. The JSON is that of `vigil --json`: int64 as decimal text, bytes
 * that are UTF-8 as text, others as base64 under the same name with `Base64` after it.
 */
import * as buffer from 'node:buffer';
import { inspect, types, type InspectOptions } from 'node:util';

/** What `util.inspect` shows of the objects of a class; called in a static block, since it needs what is private. */
export function defineInspect<Value extends object>(
  prototype: Value,
  show: (this: Value, options: InspectOptions) => string,
): void {
  const method = function (this: Value, _depth: number, options: InspectOptions): string {
    return show.call(this, options);
  };
  Object.defineProperty(prototype, inspect.custom, { value: method, configurable: true, writable: true });
}

/** So many events or parts are shown by `inspect`; making the views of all could take megabytes. */
export const SHOWN = 10;

/** The fields as JSON; those that are undefined are left out. */
export function jsonForm(fields: object): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (!types.isUint8Array(value)) json[name] = jsonValue(value);
    else if (buffer.isUtf8(value)) json[name] = textOf(value);
    else json[`${name}Base64`] = base64Of(value);
  }
  return json;
}

/** Bytes that stand by themselves, without a name. */
export function bytesForm(bytes: Uint8Array): string | { readonly base64: string } {
  return buffer.isUtf8(bytes) ? textOf(bytes) : { base64: base64Of(bytes) };
}

/** `Name { field: value }`, as `inspect` shows an object of a class. */
export function inspectFields(name: string, fields: object, options: InspectOptions): string {
  return `${name} ${inspect(fields, options)}`;
}

/** The first of many, and how many more there are. */
export function firstOf<Item>(items: Iterable<Item>, count: number): unknown[] {
  const shown: unknown[] = [];
  for (const item of items) {
    if (shown.length === SHOWN) break;
    shown.push(item);
  }
  if (count > shown.length) shown.push(new More(count - shown.length));
  return shown;
}

class More {
  readonly #count: number;

  constructor(count: number) {
    this.#count = count;
  }

  static {
    defineInspect<More>(More.prototype, function () {
      return `… ${String(this.#count)} more`;
    });
  }
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (types.isUint8Array(value)) return bytesForm(value);
  if (Array.isArray(value)) return value.map(jsonValue);
  if (typeof value !== 'object' || value === null) return value;
  if ('toJSON' in value) return value; // JSON.stringify asks it
  return jsonForm(value);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
