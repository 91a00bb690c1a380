/**
 * Which keys a user may read and write: the permissions of all its roles as intervals, and etcd's rule for asking them. Pure.
 */

/** The numbers of etcd's `Permission.Type`. */
export const PermissionType = { READ: 0, WRITE: 1, READWRITE: 2 } as const;

/** A permission as it was granted: one key, or [key, rangeEnd) with an end of one zero byte for "from the key on". */
export interface Permission {
  readonly type: number;
  /** Keys and ends as latin1 texts of their bytes. */
  readonly key: string;
  /** Empty for one key. */
  readonly rangeEnd: string;
}

/** From `begin` up to `end`; an empty end is after every key. */
interface Interval {
  readonly begin: string;
  readonly end: string;
}

const OPEN_END = '\0';

/** Whether etcd takes a permission for this range. */
export function isGrantable(key: string, rangeEnd: string): boolean {
  if (key === '') return false;
  return rangeEnd === '' || rangeEnd === OPEN_END || key < rangeEnd;
}

/** What the permissions of one user allow together. */
export class RangePermissions {
  readonly #read: readonly Interval[];
  readonly #write: readonly Interval[];

  constructor(permissions: readonly Permission[]) {
    const { READ, WRITE, READWRITE } = PermissionType;
    this.#read = intervals(permissions.filter(({ type }) => type === READ || type === READWRITE));
    this.#write = intervals(permissions.filter(({ type }) => type === WRITE || type === READWRITE));
  }

  mayRead(key: string, rangeEnd: string): boolean {
    return allows(this.#read, key, rangeEnd);
  }

  mayWrite(key: string, rangeEnd: string): boolean {
    return allows(this.#write, key, rangeEnd);
  }
}

function intervals(permissions: readonly Permission[]): Interval[] {
  return permissions
    .map(({ key, rangeEnd }) => ({ begin: key, end: endOf(key, rangeEnd) }))
    .sort((one, other) => compare(one.begin, other.begin));
}

/** The end of a request's or permission's interval; of a single key, its successor. */
function endOf(key: string, rangeEnd: string): string {
  if (rangeEnd === '') return `${key}\0`;
  return rangeEnd === OPEN_END ? '' : rangeEnd;
}

/**
 * The granted intervals that touch the wanted one must cover it without a gap. Ranges that hold no key (their end not above
 * their begin) reach this too: etcd asks only whether something granted touches their begin.
 */
function allows(granted: readonly Interval[], key: string, rangeEnd: string): boolean {
  const wanted = { begin: key, end: endOf(key, rangeEnd) };
  const [first, ...others] = granted.filter((interval) => touches(wanted, interval));
  if (first === undefined || compare(first.begin, wanted.begin) > 0) return false;
  let reached = first.end;
  for (const { begin, end } of others) {
    if (compare(reached, begin) < 0) break;
    if (compare(end, reached) > 0) reached = end;
  }
  return compare(reached, wanted.end) >= 0;
}

function touches(wanted: Interval, granted: Interval): boolean {
  const before = compare(wanted.begin, granted.begin) < 0 && compare(wanted.end, granted.begin) <= 0;
  return !before && compare(wanted.begin, granted.end) < 0;
}

/** As texts of bytes compare, with the empty one last. */
function compare(one: string, other: string): number {
  if (one === other) return 0;
  if (one === '') return 1;
  if (other === '') return -1;
  return one < other ? -1 : 1;
}
