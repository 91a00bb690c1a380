/**
 * Records what watches delivered and checks etcd's watch guarantees on it: filter, order, uniqueness, whole revisions,
 * bookmarks, and equality with the true history. Knows plain event objects only, not the package under test. Pure.
 */
import { hash } from 'node:crypto';
import type { RawEvent } from './raw-watch.js';
import { keyText, type WatchedRange, type WatchTruth } from './watch-truth.js';
import { inRange } from './raw-etcd.js';

/** Anything with these fields: a raw event, or one of the package's own. */
export interface DeliveredEvent {
  readonly type: 'put' | 'delete';
  readonly key: Uint8Array;
  readonly modRevision: bigint;
  readonly value?: Uint8Array | undefined;
  /** Checked where given. */
  readonly createRevision?: bigint | undefined;
}

export type WatchLabel = bigint | number | string;

/** What a watch should have seen. */
export interface Expectation {
  readonly truth: WatchTruth;
  readonly range: WatchedRange;
  /** The revision the watch started at, inclusive. */
  readonly startRevision: bigint;
  /** The last revision it must have seen; default the end of the truth. */
  readonly through?: bigint;
}

interface RecordedEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly modRevision: bigint;
  /** Undefined where it is not compared. */
  readonly valueHash: string | undefined;
  readonly createRevision: bigint | undefined;
  /** Number of the delivery it came with. */
  readonly part: number;
  /** The highest progress told before it. */
  readonly bookmark: bigint;
}

interface Recording {
  readonly events: RecordedEvent[];
  parts: number;
  bookmark: bigint;
  readonly problems: string[];
}

const MOST_PROBLEMS = 10;
const SHORT_VALUE_BYTES = 27;

export class WatchRecorder {
  readonly #recordings = new Map<WatchLabel, Recording>();

  /** One delivery of a watch: what the application got together. Copies what it needs of the events. */
  add(label: WatchLabel, events: Iterable<DeliveredEvent>): void {
    const recording = this.#recording(label);
    recording.parts += 1;
    for (const { type, key, modRevision, value, createRevision } of events) {
      const valueHash = type === 'put' && value !== undefined ? hashOf(value) : undefined;
      const { parts: part, bookmark } = recording;
      recording.events.push({ type, key: keyText(key), modRevision, valueHash, createRevision, part, bookmark });
    }
  }

  /** A progress notification: nothing at or below this revision may follow. */
  addProgress(label: WatchLabel, revision: bigint): void {
    const recording = this.#recording(label);
    const last = this.lastRevision(label);
    if (revision < recording.bookmark) problem(recording, 'Bookmarkable', `progress went back to ${String(revision)}`);
    if (revision < last) problem(recording, 'Bookmarkable', `progress ${String(revision)} after event ${String(last)}`);
    if (revision > recording.bookmark) recording.bookmark = revision;
  }

  get labels(): WatchLabel[] {
    return [...this.#recordings.keys()];
  }

  count(label: WatchLabel): number {
    return this.#recordings.get(label)?.events.length ?? 0;
  }

  /** Revision of the last event delivered; 0 without one. */
  lastRevision(label: WatchLabel): bigint {
    return this.#recordings.get(label)?.events.at(-1)?.modRevision ?? 0n;
  }

  /** Revision of the first event delivered; 0 without one. */
  firstRevision(label: WatchLabel): bigint {
    return this.#recordings.get(label)?.events[0]?.modRevision ?? 0n;
  }

  /** Every broken guarantee of one watch, in words; empty when it saw exactly the truth. At most ten. */
  problems(label: WatchLabel, expectation: Expectation): string[] {
    const recording = this.#recordings.get(label) ?? { events: [], parts: 0, bookmark: 0n, problems: [] };
    const found: Recording = { ...recording, problems: [...recording.problems] };
    checkShape(found, expectation);
    checkTruth(found, expectation);
    return found.problems.map((text) => `watch ${String(label)}: ${text}`);
  }

  /** Throws with every broken guarantee. */
  verify(label: WatchLabel, expectation: Expectation): void {
    const problems = this.problems(label, expectation);
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }

  #recording(label: WatchLabel): Recording {
    let recording = this.#recordings.get(label);
    if (recording === undefined) {
      recording = { events: [], parts: 0, bookmark: 0n, problems: [] };
      this.#recordings.set(label, recording);
    }
    return recording;
  }
}

/** What must hold whatever happened in the store. */
function checkShape(recording: Recording, { range, startRevision }: Expectation): void {
  const seen = new Set<string>();
  const keysInRange = new Set<string>();
  let previous: RecordedEvent | undefined;
  for (const event of recording.events) {
    if (event.modRevision < startRevision)
      problem(recording, 'Filter', `${nameOf(event)} is before the start ${String(startRevision)}`);
    if (!keysInRange.has(event.key)) {
      if (inRange(Buffer.from(event.key, 'latin1'), range.key, range.rangeEnd)) keysInRange.add(event.key);
      else problem(recording, 'Filter', `${nameOf(event)} is not in the range`);
    }
    if (event.modRevision <= event.bookmark)
      problem(recording, 'Bookmarkable', `${nameOf(event)} came after progress ${String(event.bookmark)}`);
    if (previous !== undefined && event.modRevision < previous.modRevision) {
      problem(recording, 'Ordered', `${nameOf(event)} came after ${nameOf(previous)}`);
    }
    if (previous?.modRevision === event.modRevision && previous.part !== event.part) {
      problem(recording, 'Atomic', `revision ${String(event.modRevision)} came in more than one delivery`);
    }
    const identity = `${String(event.modRevision)} ${event.key}`;
    if (seen.has(identity)) problem(recording, 'Unique', `${nameOf(event)} came twice`);
    seen.add(identity);
    previous = event;
  }
}

/** Equality with the history, event by event. After the first difference the rest would only repeat it. */
function checkTruth(recording: Recording, { truth, range, startRevision, through }: Expectation): void {
  const expected = truth.select(range, startRevision, through ?? truth.lastRevision);
  const delivered = recording.events.filter(({ modRevision }) => modRevision <= (through ?? truth.lastRevision));
  const beyond = recording.events.length - delivered.length;
  if (through === undefined && beyond > 0)
    problem(recording, 'Reliable', `${String(beyond)} events are newer than the truth`);
  for (let index = 0; index < Math.max(expected.length, delivered.length); index += 1) {
    const want = expected[index];
    const got = delivered[index];
    if (want !== undefined && got !== undefined && isSame(want, got)) continue;
    const wanted = want === undefined ? 'nothing more' : nameOf({ ...want, key: keyText(want.key) });
    const received = got === undefined ? 'nothing more' : nameOf(got);
    const counts = `${String(delivered.length)} of ${String(expected.length)} events`;
    problem(recording, 'Reliable', `event ${String(index)} should be ${wanted} and is ${received} (${counts})`);
    return;
  }
}

function isSame(want: RawEvent, got: RecordedEvent): boolean {
  return (
    want.type === got.type &&
    want.modRevision === got.modRevision &&
    keyText(want.key) === got.key &&
    (want.type === 'delete' || got.valueHash === undefined || hashOf(want.value) === got.valueHash) &&
    (got.createRevision === undefined || got.createRevision === want.createRevision)
  );
}

function nameOf(event: { readonly type: string; readonly key: string; readonly modRevision: bigint }): string {
  return `${event.type} ${JSON.stringify(event.key)} at ${String(event.modRevision)}`;
}

function problem(recording: Recording, guarantee: string, text: string): void {
  if (recording.problems.length < MOST_PROBLEMS) recording.problems.push(`${guarantee}: ${text}`);
}

/** Stands for a value: itself where that is no longer than a hash. */
function hashOf(value: Uint8Array): string {
  return value.length <= SHORT_VALUE_BYTES ? keyText(value) : hash('sha1', value, 'base64');
}
