/**
 * JSON as Python's `json.dumps` writes it, for databags whose text the other side compares. Main thread; pure. Reading is
 * JSON.parse's, except that a text that is no JSON gives nothing: its parser quotes the text in its error, and that may be a secret.
 */

/** What can be written: no numbers with a fraction or exponent, which the two languages print differently. */
export type PythonJson =
  | string
  | boolean
  | null
  | number
  | readonly PythonJson[]
  | ReadonlyMap<string, PythonJson>
  | { readonly [key: string]: PythonJson };

/** `json.dumps(value)`: a space after each comma and colon, keys in their order, everything but printable ASCII escaped. */
export function pythonJson(value: PythonJson): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (isList(value)) return `[${value.map(pythonJson).join(', ')}]`;
  const pairs: Iterable<readonly [string, PythonJson]> = isMap(value) ? value : Object.entries(value);
  const entries = Array.from(pairs, ([key, item]) => `${quoted(key)}: ${pythonJson(item)}`);
  return `{${entries.join(', ')}}`;
}

/** The value of a JSON text, or `undefined` if it is none. */
export function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** True for a JSON object: neither a list nor null. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// Array.isArray does not narrow a readonly array in a union.
function isList(value: object): value is readonly PythonJson[] {
  return Array.isArray(value);
}

function isMap(value: object): value is ReadonlyMap<string, PythonJson> {
  return value instanceof Map;
}

function quoted(text: string): string {
  // JSON.stringify escapes what both must; Python escapes all from DEL up as well, unit by unit of UTF-16.
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
