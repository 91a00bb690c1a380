/** What the bench and its server process tell each other. Types only. */

/** Of a whole process. */
export interface Usage {
  readonly rssBytes: number;
  /** User and system, of all threads, since the start. */
  readonly cpuMs: number;
}

export interface ToServer {
  readonly kind: 'start' | 'usage';
}

export type FromServer =
  | {
      readonly kind: 'started';
      readonly endpoint: string;
      /** From the call of start to the first answer, the client's connecting included. */
      readonly firstAnswerMs: number;
    }
  | { readonly kind: 'usage'; readonly usage: Usage }
  | { readonly kind: 'failed'; readonly message: string };
