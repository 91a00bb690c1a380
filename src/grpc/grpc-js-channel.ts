/** Makes the grpc-js client of one connection from our settings. Any thread. */
import { Client, credentials, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import type { ConnectionSettings, Endpoint, TlsMaterial } from '../wire/connection-settings.js';
import { tlsContextOptions } from '../wire/tls-context.js';
import { authorityOf, serverNameToCheck, serverNameToSend } from './server-name.js';

const NEVER_MS = 2 ** 31 - 1;

/** Does not connect yet. Throws what grpc-js throws for material that it cannot use. */
export function grpcJsClient(endpoint: Endpoint, settings: ConnectionSettings): Client {
  const target = endpoint.kind === 'unix' ? `unix:${endpoint.path}` : `dns:${authorityOf(endpoint)}`;
  const secured = endpoint.tls ? secureCredentials(endpoint, settings.tls) : credentials.createInsecure();
  return new Client(target, secured, channelOptions(endpoint, settings));
}

function channelOptions(endpoint: Endpoint, settings: ConnectionSettings): ClientOptions {
  return {
    'grpc.max_receive_message_length': settings.maxMessageBytes,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': settings.pingIntervalMs,
    'grpc.keepalive_timeout_ms': settings.pingTimeoutMs,
    'grpc.keepalive_permit_without_calls': 0,
    // grpc-js has one figure for the windows of the stream and of the connection; the stream's is the one that bounds memory.
    'grpc-node.flow_control_window': settings.streamWindowBytes,
    // Each connection is one of its own, and ends where http2 would end: no retries, no idling, no shared sockets.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
    'grpc.client_idle_timeout_ms': NEVER_MS,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_channelz': 0,
    'grpc.primary_user_agent': 'etcd-vigil',
    'grpc.default_authority': authorityOf(endpoint),
    // grpc-js cannot leave it out: for an address a name goes out that means nothing. What is checked, the credentials say.
    ...(endpoint.tls && { 'grpc.ssl_target_name_override': serverNameToSend(endpoint, settings.tls) ?? 'etcd' }),
  };
}

function secureCredentials(endpoint: Endpoint, tls: TlsMaterial | undefined): ChannelCredentials {
  const name = serverNameToCheck(endpoint, tls);
  return credentials.createFromSecureContext(createSecureContext(tlsContextOptions(tls)), {
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: tls?.insecureSkipVerify !== true,
  });
}
