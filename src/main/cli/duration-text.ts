/** How long, as text: Go's notation, which etcdctl takes, and a bare number of seconds where that is allowed. Pure. */

/** Some 24 days: the longest timer. */
export const LONGEST_MS: number = 2 ** 31 - 1;

/** What is taken, for messages. */
export const DURATION_FORMS = '500ms, 10s, 2m, 1h or 1m30s';

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** As Go's time.ParseDuration, in milliseconds, not rounded; undefined for text that is no time. A sign of minus is none. */
export function durationMs(text: string): number | undefined {
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu)];
  const isWhole = parts.length > 0 && parts.map(([part]) => part).join('') === text.replace(/^\+/u, '');
  if (!isWhole) return undefined;
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * (UNIT_MS[unit ?? ''] ?? 0), 0);
}
