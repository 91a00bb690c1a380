/**
 * Takes what may be secret out of a hook tool's error text before it becomes part of a message. Pure.
 *
 * Tools quote what they were given when they cannot read it, whole or cut short, so everything that was handed over and everything
 * that looks like key material or a quotation of data goes.
 */
const MAX_LENGTH = 400;
const MARK = '[redacted]';
/** Shorter pieces are parts of ordinary words. */
const MIN_SECRET_LENGTH = 4;

/**
 * A tool's stderr as one short line.
 *
 * @param secrets the values that the call handed over.
 */
export function redact(stderr: string, secrets: readonly string[]): string {
  let text = stderr;
  const pieces = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), ...secret.split(/\r?\n/u)]);
  // Longest first: a part of a value must not break up the whole one.
  for (const piece of [...new Set(pieces)].sort((left, right) => right.length - left.length)) {
    if (piece.length >= MIN_SECRET_LENGTH) text = text.replaceAll(piece, MARK);
  }
  text = text
    .replace(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/gu, MARK)
    // YAML errors quote data in backticks and cut it short.
    .replace(/`[^`]*(?:`|$)/gu, MARK)
    .replace(/[A-Za-z0-9+/_-]{40,}={0,2}/gu, MARK)
    .replace(/^ERROR /gmu, '')
    .replace(/\s+/gu, ' ')
    .trim();
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
