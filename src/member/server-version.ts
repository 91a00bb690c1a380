/** What can be expected of a server by its version, or by keeping that to itself, as only newer ones do. Pure. */
import type { MemberStatus } from './member-status.js';

type Told = Pick<MemberStatus, 'version' | 'isWithheld'>;

/**
 * Whether an answer to a progress request may move resume revisions: before 3.4.25 and 3.5.8 it could overtake events that
 * were still on their way.
 */
export function trustsRequestedProgress({ version, isWithheld }: Told): boolean {
  if (isWithheld) return true;
  const [major, minor, patch] = parse(version);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 25;
  if (minor === 5) return patch >= 8;
  return minor > 5;
}

/**
 * Whether every watch whose history is compacted is told so. Before 3.4.31 and 3.5.13 one whose stream had no room for that left out
 * what it had missed and went on with what came next (etcd #17529).
 */
export function tellsEveryCompaction({ version, isWithheld }: Told): boolean {
  if (isWithheld) return true;
  const [major, minor, patch] = parse(version);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 31;
  if (minor === 5) return patch >= 13;
  return minor > 5;
}

/**
 * Whether a watch that is refused for the token of its stream is told that its user has no permission: before 3.4.22 and 3.5.6
 * (etcd #12385, #13577). A server that does not tell its version is taken for a newer one: those keep it from plain users.
 */
export function confusesTokenRefusals({ version }: Told): boolean {
  const [major, minor, patch] = parse(version);
  if (major !== 3) return false;
  if (minor === 4) return patch < 22;
  return minor === 5 ? patch < 6 : minor < 4;
}

/** `3.5.16` and `3.6.0-rc.1` alike; anything else counts as 0.0.0. */
function parse(version: string): [major: number, minor: number, patch: number] {
  const match = /^(\d+)\.(\d+)\.(\d+)/u.exec(version);
  return match === null ? [0, 0, 0] : [Number(match[1]), Number(match[2]), Number(match[3])];
}
