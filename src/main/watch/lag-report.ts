/** What an outlet tells of its lag, for status. Main thread; pure. */
export interface LagReport {
  /** How many watches were detached when it fell behind; 0 when it has caught up. */
  readonly watches: number;
  /** The name of the group, where it has one. */
  readonly group: string | undefined;
}
