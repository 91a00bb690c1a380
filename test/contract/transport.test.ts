/** The transport contract, over each implementation. */
import { openHttp2Connection } from '../../src/workers/transport/http2-connection.js';
import { streamContract } from './transport-contract.js';

streamContract('http2', openHttp2Connection);
