/** What the bench and its server process tell each other. Types only. */

export interface ToServer {
  readonly kind: 'start' | 'memory';
}

export type FromServer =
  | {
      readonly kind: 'started';
      readonly endpoint: string;
      /** From the call of start to the first answer, the client's connecting included. */
      readonly firstAnswerMs: number;
    }
  | { readonly kind: 'memory'; readonly rssBytes: number }
  | { readonly kind: 'failed'; readonly message: string };
