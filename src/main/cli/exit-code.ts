/** What the command's exit codes mean; documented in docs/guide/cli.md. Pure. */
export const exitCode: {
  /** It did what was asked, or nobody reads its output any more. */
  readonly ok: 0;
  /** It was carried out and failed: refused by the server, no such key, the demo's check failed, the output cannot be written. */
  readonly failed: 1;
  /** It was not begun: wrong usage, no server at the endpoints, a port in use. */
  readonly notStarted: 2;
  /** Ended by SIGHUP: its terminal went away. */
  readonly hungUp: 129;
  /** Ended by Ctrl-C. */
  readonly interrupted: 130;
  /** Ended by SIGTERM. */
  readonly terminated: 143;
} = { ok: 0, failed: 1, notStarted: 2, hungUp: 129, interrupted: 130, terminated: 143 };
