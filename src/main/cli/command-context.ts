/** How a command hands its exit code to the entry. */
export interface CommandContext {
  /** Runs a command's work and keeps its exit code. */
  readonly run: (work: Promise<number>) => Promise<void>;
}
