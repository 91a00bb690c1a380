/** One row of the table: a function that does `units` of something each time it is called. */
export interface MicroCase {
  readonly name: string;
  /** What one call does so many of, such as events; ns are given for one. */
  readonly units: number;
  readonly run: () => void;
}
