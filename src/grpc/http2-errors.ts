/**
 * Words and codes for what goes wrong below gRPC: RST_STREAM and GOAWAY codes, socket and TLS errors, and node:http2's
 * own errors. Pure. Every text names the endpoint and what to do; none repeats what TLS material says.
 */
import { EtcdError, type EtcdErrorCode, type Outcome } from '../wire/errors.js';
import { codeOf, reasonOf } from './connect-reason.js';

/** HTTP/2 error codes (RFC 9113, section 7), by number. */
const NAMES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

export const Http2Code = {
  NO_ERROR: 0,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  ENHANCE_YOUR_CALM: 11,
} as const;

interface Meaning {
  readonly code: EtcdErrorCode;
  readonly grpcStatus: number;
  readonly text: string;
}

const broken = (text: string): Meaning => ({ code: 'protocol-error', grpcStatus: 13, text });

/** gRPC's table of RST_STREAM codes. What is not in it is a broken rule of HTTP/2. */
const RST_MEANING: ReadonlyMap<number, Meaning> = new Map([
  [0, { code: 'unavailable', grpcStatus: 13, text: 'the member ended the call without a status' }],
  [2, { code: 'unavailable', grpcStatus: 13, text: 'the member failed inside; its log tells why' }],
  [7, { code: 'unavailable', grpcStatus: 14, text: 'the member did not begin the call; it may be repeated' }],
  [8, { code: 'unavailable', grpcStatus: 1, text: 'the member or a proxy gave the call up' }],
  [11, { code: 'unavailable', grpcStatus: 8, text: 'the member asks for fewer calls' }],
  [12, { code: 'protocol-error', grpcStatus: 7, text: 'the member asks for stronger TLS' }],
  [13, { code: 'protocol-error', grpcStatus: 2, text: "the peer wants HTTP/1.1; is this etcd's client port?" }],
]);

/** The peer reset one stream. */
export function rstError(rstCode: number, endpoint: string): EtcdError {
  const meaning = RST_MEANING.get(rstCode) ?? broken('a rule of HTTP/2 was broken');
  const notSent = rstCode === Http2Code.REFUSED_STREAM;
  return new EtcdError(`${endpoint} reset a stream (${nameOf(rstCode)}): ${meaning.text}`, {
    code: meaning.code,
    grpcStatus: meaning.grpcStatus,
    outcome: notSent ? 'not-sent' : 'unknown',
    retryable: notSent,
    endpoint,
  });
}

/** Whether the peer ends the connection because PINGs came too often for it. */
export function isTooManyPings(debugText: string): boolean {
  return debugText.includes('too_many_pings');
}

/** The peer asked to leave the connection. `debugText` is what it sent along, if anything. */
export function goawayError(goawayCode: number, debugText: string, endpoint: string): EtcdError {
  const said = debugText === '' ? '' : ` ${JSON.stringify(debugText.slice(0, 200))}`;
  const told = `${endpoint} sent GOAWAY (${nameOf(goawayCode)}${said})`;
  const init = { code: 'unavailable', grpcStatus: 14, outcome: 'unknown', endpoint } as const;
  if (goawayCode === Http2Code.NO_ERROR) {
    return new EtcdError(`${told}: it stops or limits the age of connections`, init);
  }
  if (isTooManyPings(debugText)) {
    return new EtcdError(`${told}: raise pingIntervalMs (etcd allows no less than 5000)`, init);
  }
  if (goawayCode === Http2Code.ENHANCE_YOUR_CALM)
    return new EtcdError(`${told}: the member asks for fewer calls`, init);
  return new EtcdError(told, goawayCode === 2 ? init : { ...init, code: 'protocol-error', grpcStatus: 13 });
}

/** How far a connection had come when it broke. */
export type ConnectPhase = 'connecting' | 'securing' | 'greeting' | 'open';

const WAITED_FOR: Record<Exclude<ConnectPhase, 'open'>, string> = {
  connecting: 'no connection',
  securing: 'connected, but the TLS handshake did not end',
  greeting: "connected, but no HTTP/2 SETTINGS came: is this etcd's client port, and is http:// or https:// right?",
};

/** A connection attempt took too long. */
export function connectTimeoutError(phase: ConnectPhase, timeoutMs: number, endpoint: string): EtcdError {
  const where = phase === 'open' ? 'no answer' : WAITED_FOR[phase];
  return connectFailed(`no etcd at ${endpoint} within connectTimeoutMs (${String(timeoutMs)}): ${where}`, endpoint);
}

/** The peer closed the connection, or it broke, for the reason given (undefined: closed without one). */
export function connectionError(cause: unknown, phase: ConnectPhase, endpoint: string): EtcdError {
  if (cause instanceof EtcdError) return cause;
  const reason = cause === undefined || cause === null ? undefined : reasonOf(cause);
  if (phase === 'open') {
    const why = reason === undefined ? 'it closed the connection' : reason;
    return new EtcdError(`the connection to ${endpoint} broke: ${why}`, {
      code: isHttp2Violation(cause) ? 'protocol-error' : 'unavailable',
      grpcStatus: 14,
      outcome: 'unknown',
      endpoint,
      cause: cause ?? undefined,
    });
  }
  const why = reason ?? 'it closed the connection';
  const hint = reason === undefined || isBrokenOff(cause) ? hangUpHint(phase, endpoint) : '';
  return connectFailed(`cannot connect to ${endpoint}: ${why}${hint}`, endpoint, cause ?? undefined);
}

/** A PING was not answered in time. */
export function pingTimeoutError(pingTimeoutMs: number, endpoint: string): EtcdError {
  return new EtcdError(
    `${endpoint} did not answer a PING within pingTimeoutMs (${String(pingTimeoutMs)}): the connection is given up`,
    { code: 'unavailable', grpcStatus: 14, outcome: 'unknown', endpoint },
  );
}

/** The TLS peer did not choose HTTP/2. */
export function noAlpnError(endpoint: string): EtcdError {
  return connectFailed(
    `cannot connect to ${endpoint}: the TLS peer does not offer HTTP/2 (ALPN h2); is this etcd's client port, or a proxy in ` +
      'front of it that speaks HTTP/1.1 only?',
    endpoint,
  );
}

/** A connection of which it is known that no request left on it. */
export function connectFailed(message: string, endpoint: string, cause?: unknown): EtcdError {
  return new EtcdError(message, {
    code: 'connect-failed',
    grpcStatus: 14,
    outcome: 'not-sent',
    retryable: true,
    endpoint,
    cause,
  });
}

/** What to look at when a peer hung up before it spoke HTTP/2: one that speaks TLS drops the greeting of one that does not. */
function hangUpHint(phase: ConnectPhase, endpoint: string): string {
  if (phase === 'connecting') return '';
  const isSecured = phase === 'greeting' && /^(?:https|unixs):/iu.test(endpoint);
  return isSecured
    ? ' after the TLS handshake, before it spoke HTTP/2; does it accept the client certificate (tls.cert and tls.key)?'
    : ' before it spoke HTTP/2; is http:// or https:// right?';
}

function isBrokenOff(cause: unknown): boolean {
  const code = codeOf(cause);
  return code === 'ECONNRESET' || code === 'EPIPE';
}

function isHttp2Violation(cause: unknown): boolean {
  const code = codeOf(cause);
  return code === 'ERR_HTTP2_ERROR' || code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES';
}

function nameOf(http2Code: number): string {
  return NAMES[http2Code] ?? `code ${String(http2Code)}`;
}

/** The error of a call that this side refused to begin. */
export function notStarted(message: string, endpoint: string, code: EtcdErrorCode = 'unavailable'): EtcdError {
  const outcome: Outcome = 'not-sent';
  return new EtcdError(message, { code, grpcStatus: 14, outcome, retryable: code === 'unavailable', endpoint });
}
