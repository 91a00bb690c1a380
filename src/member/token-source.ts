/** Where the calls of a thread get their token from. Types only. */
import type { GrpcConnection, Metadata } from '../grpc/grpc-connection.js';

export interface TokenSource {
  /** False while the application gave nothing to log in with: calls carry no token, and none is to be had. */
  readonly isUsed: boolean;
  /** Headers of a call of now. */
  headers(): Metadata;
  /**
   * Resolves at once while calls may be made, otherwise when a token has come. Rejects where none is to be had: `unauthenticated`
   * where what there is to log in with was refused.
   *
   * @param via a connection of this thread over which to log in, where that is how tokens are got.
   */
  ready(via?: GrpcConnection): Promise<void>;
  /**
   * A call with these headers was refused for its token. Resolves when there are others, which may be at once; rejects as
   * {@link ready} does. However many ask, they share one login.
   */
  refused(headers: Metadata, via?: GrpcConnection): Promise<void>;
}

const NO_HEADERS: Metadata = {};

/** Of an engine without a login. */
export const NO_TOKENS: TokenSource = {
  isUsed: false,
  headers: () => NO_HEADERS,
  ready: () => Promise.resolve(),
  refused: () => Promise.resolve(),
};
