/** Which seconds of the demo are to be told. Pure. */

/** Those that have passed and were not told, oldest first, up to the last one: each second once, though the process slept. */
export function secondsToTell(told: number, elapsedSeconds: number, total: number): number[] {
  const passed = Math.min(total, Math.floor(elapsedSeconds));
  return Array.from({ length: Math.max(0, passed - told) }, (_, place) => told + place + 1);
}
