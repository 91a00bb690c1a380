/**
 * Reads JSON with every number as it was written (64 bits do not fit a JavaScript number) and every place known, one value after another.
 * Pure. Refusals have the words of Go's reader, which etcd's gateway gives on.
 */

/** A value and where in its text it begins. */
export type JsonValue =
  | { readonly kind: 'object'; readonly at: number; readonly members: readonly JsonMember[] }
  | { readonly kind: 'array'; readonly at: number; readonly items: readonly JsonValue[] }
  /** `raw` is as it was written, with its quotation marks. */
  | { readonly kind: 'string'; readonly at: number; readonly raw: string; readonly text: string }
  | { readonly kind: 'number'; readonly at: number; readonly raw: string }
  | { readonly kind: 'literal'; readonly at: number; readonly raw: 'true' | 'false' | 'null' };

export interface JsonMember {
  readonly name: string;
  readonly at: number;
  readonly value: JsonValue;
}

/** A text that is no JSON. */
export class JsonSyntaxError extends Error {}

/** A text that may go on: it ends within a value. */
export class JsonIncomplete extends JsonSyntaxError {
  constructor() {
    super('unexpected EOF');
  }
}

/** Go's limit. A recursion as deep would end the stack here, so it is lower. */
const MAX_DEPTH = 1_000;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/uy;
/** What stands for itself in a text. */
const PLAIN = /[^"\\\p{Cc}]+|[\u007f-\u009f]/uy;
const LITERALS = ['true', 'false', 'null'] as const;
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' },
};

/**
 * The value that begins at `from`, and where it ends; undefined where only white space is left.
 *
 * @throws JsonSyntaxError, JsonIncomplete.
 */
export function readJson(text: string, from = 0): { readonly value: JsonValue; readonly end: number } | undefined {
  const reader = new Reader(text, from);
  if (reader.isAtEnd()) return undefined;
  const value = reader.value(0);
  return { value, end: reader.position };
}

class Reader {
  readonly #text: string;
  position: number;

  constructor(text: string, position: number) {
    this.#text = text;
    this.position = position;
  }

  isAtEnd(): boolean {
    this.#skipSpace();
    return this.position >= this.#text.length;
  }

  value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw new JsonSyntaxError('exceeded max depth');
    const at = this.#skipSpace();
    switch (this.#peek()) {
      case '{':
        return { kind: 'object', at, members: this.#members(depth) };
      case '[':
        return { kind: 'array', at, items: this.#items(depth) };
      case '"': {
        const text = this.#string();
        return { kind: 'string', at, raw: this.#text.slice(at, this.position), text };
      }
      default:
        return this.#scalar(at);
    }
  }

  #members(depth: number): JsonMember[] {
    const members: JsonMember[] = [];
    this.position += 1;
    for (;;) {
      const at = this.#skipSpace();
      const character = this.#peek();
      if (character === '}' && members.length === 0) break;
      if (character !== '"') throw this.#unexpected('looking for beginning of object key string');
      const name = this.#string();
      this.#expect(':', 'after object key');
      members.push({ name, at, value: this.value(depth + 1) });
      if (!this.#goesOn('}', 'after object key:value pair')) return members;
    }
    this.position += 1;
    return members;
  }

  #items(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.position += 1;
    for (;;) {
      this.#skipSpace();
      if (this.#peek() === ']' && items.length === 0) break;
      items.push(this.value(depth + 1));
      if (!this.#goesOn(']', 'after array element')) return items;
    }
    this.position += 1;
    return items;
  }

  /** True after a comma; false after the end, which is taken as well. */
  #goesOn(end: string, where: string): boolean {
    this.#skipSpace();
    const character = this.#peek();
    if (character !== ',' && character !== end) throw this.#unexpected(where);
    this.position += 1;
    return character === ',';
  }

  #expect(character: string, where: string): void {
    this.#skipSpace();
    if (this.#peek() !== character) throw this.#unexpected(where);
    this.position += 1;
  }

  #string(): string {
    let text = '';
    this.position += 1;
    for (;;) {
      PLAIN.lastIndex = this.position;
      const plain = PLAIN.exec(this.#text)?.[0] ?? '';
      text += plain;
      this.position += plain.length;
      const character = this.#peek();
      if (character !== '"' && character !== '\\') throw this.#unexpected('in string literal');
      if (character === '\\') text += this.#escape();
      this.position += 1;
      if (character === '"') return text;
    }
  }

  /** Leaves the position at its last character. */
  #escape(): string {
    this.position += 1;
    const character = this.#peek();
    const plain = ESCAPES[character];
    if (plain !== undefined) return plain;
    if (character !== 'u') throw this.#unexpected('in string escape code');
    let code = 0;
    for (let digits = 0; digits < 4; digits += 1) {
      this.position += 1;
      const digit = this.#peek();
      if (!/[0-9a-fA-F]/u.test(digit)) throw this.#unexpected('in \\u hexadecimal character escape');
      code = code * 16 + Number.parseInt(digit, 16);
    }
    return String.fromCharCode(code);
  }

  #scalar(at: number): JsonValue {
    NUMBER.lastIndex = at;
    const number = NUMBER.exec(this.#text)?.[0];
    if (number !== undefined) {
      this.position += number.length;
      const broken = /^(?:\.|[eE][+-]?)/u.exec(this.#text.slice(this.position, this.position + 2))?.[0];
      if (broken !== undefined) {
        this.position += broken.length;
        throw this.#unexpected(
          broken === '.' ? 'after decimal point in numeric literal' : 'in exponent of numeric literal',
        );
      }
      return { kind: 'number', at, raw: number };
    }
    for (const literal of LITERALS) {
      if (literal[0] !== this.#peek()) continue;
      for (const expected of literal) {
        if (this.#peek() !== expected) throw this.#unexpected(`in literal ${literal} (expecting '${expected}')`);
        this.position += 1;
      }
      return { kind: 'literal', at, raw: literal };
    }
    if (this.#peek() !== '-') throw this.#unexpected('looking for beginning of value');
    this.position += 1;
    throw this.#unexpected('in numeric literal');
  }

  #skipSpace(): number {
    while (/[ \t\r\n]/u.test(this.#text[this.position] ?? '')) this.position += 1;
    return this.position;
  }

  /** @throws JsonIncomplete at the end. */
  #peek(): string {
    const character = this.#text[this.position];
    if (character === undefined) throw new JsonIncomplete();
    return character;
  }

  #unexpected(where: string): JsonSyntaxError {
    const character = this.#peek();
    return new JsonSyntaxError(`invalid character ${goQuoted(character)} ${where}`);
  }
}

/** As Go quotes a character. */
function goQuoted(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return "'\"'";
  const text = JSON.stringify(character).slice(1, -1);
  return `'${text.replace(/^\\u00/u, '\\x')}'`;
}
