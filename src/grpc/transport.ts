/** Chooses the transport. grpc-js is loaded only where it is used: it takes memory and time to start. */
import type { TransportKind } from '../wire/connection-settings.js';
import type { Transport } from './grpc-connection.js';

/** The function that opens connections of this kind. */
export async function transportFor(kind: TransportKind): Promise<Transport> {
  switch (kind) {
    case 'http2':
      return (await import('./http2-connection.js')).openHttp2Connection;
    case 'grpc-js':
      return (await import('./grpc-js-connection.js')).openGrpcJsConnection;
    default:
      return kind satisfies never;
  }
}
