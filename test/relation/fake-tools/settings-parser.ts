// What `--file -` takes: a map of texts, with the traps of Juju's YAML parser.

/** @throws Error with the parser's text, which quotes the data and cuts it short, as the real one does. */
export function parseSettings(text: string): Record<string, string> {
  const raw = /[\u007f-\u009f\ufeff\ufffe\uffff]/u.exec(text);
  if (raw !== null) throw new Error('yaml: control characters are not allowed');
  if (/\\u[dD][89a-fA-F][0-9a-fA-F]{2}/u.test(text)) throw new Error('yaml: invalid Unicode character');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error(`yaml: line 1: cannot unmarshal !!str \`${text.slice(0, 10)}...\` into map[string]string`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new Error(`yaml: line 1: cannot unmarshal \`${text.slice(0, 10)}...\` into map[string]string`);
  const settings: Record<string, string> = {};
  for (const [key, value] of Object.entries(parsed)) {
    if (typeof value !== 'string') throw new Error(`yaml: line 1: cannot unmarshal \`${String(value)}\` into string`);
    settings[key] = value;
  }
  return settings;
}

/** JSON as Go writes it: one line, and what HTML knows is escaped. */
export function goJson(value: unknown): string {
  const escaped = JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${escaped}\n`;
}
