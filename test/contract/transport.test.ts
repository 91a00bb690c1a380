/** The transport contract, over each implementation. */
import { openGrpcJsConnection } from '../../src/workers/transport/grpc-js-connection.js';
import { openHttp2Connection } from '../../src/workers/transport/http2-connection.js';
import { streamContract } from './transport-contract.js';

streamContract('http2', openHttp2Connection);
streamContract('grpc-js', openGrpcJsConnection);
