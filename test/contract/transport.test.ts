/** The transport contract, over each implementation. */
import { describe } from 'vitest';
import { openGrpcJsConnection } from '../../src/grpc/grpc-js-connection.js';
import { opened } from '../support/global-timers.js';
import { openHttp2Connection } from '../../src/grpc/http2-connection.js';
import { connectionContract } from './connection-contract.js';
import { secureContract } from './secure-contract.js';
import { streamContract } from './transport-contract.js';
import { unaryContract } from './unary-contract.js';

describe.each([
  ['http2' as const, opened(openHttp2Connection)],
  ['grpc-js' as const, opened(openGrpcJsConnection)],
])('transport %s', (kind, open) => {
  streamContract(kind, open);
  unaryContract(kind, open);
  connectionContract(kind, open);
  secureContract(kind, open);
});
