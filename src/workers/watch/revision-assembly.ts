/**
 * The part of a watch's newest revision that has arrived, while a fragment says that more of it follows. Only complete
 * revisions leave a shard, so the pieces wait here as raw bytes; a lost stream throws them away, because the resumed watch
 * is sent that revision again from its beginning.
 */
export class RevisionAssembly {
  readonly revision: number;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(revision: number) {
    this.revision = revision;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get pieces(): readonly Uint8Array[] {
    return this.#pieces;
  }

  /** Keeps a copy: the transport lends its buffers for the duration of a call only. */
  add(buffer: Uint8Array, start: number, end: number): void {
    this.#pieces.push(new Uint8Array(buffer.subarray(start, end)));
    this.#bytes += end - start;
  }
}
