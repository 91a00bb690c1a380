/** HTTP requests as curl makes them, and their answers in a form in which two servers can be compared. */
import { request as httpRequest, type OutgoingHttpHeaders } from 'node:http';

export interface JsonCall {
  readonly path: string;
  /** Default: POST with a body, GET without. */
  readonly method?: string | undefined;
  readonly body?: string | undefined;
  readonly headers?: OutgoingHttpHeaders | undefined;
  /** Of a stream: enough is seen with so many lines. Default: until its end. */
  readonly lines?: number | undefined;
}

export interface JsonAnswer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  /** Each line of the body as JSON, or as text where it is none. */
  readonly lines: readonly unknown[];
}

const GUARD_MS = 100_000;
/** Drawn by each server, or numbers of its own machinery. */
const OWN = new Set([
  ...['cluster_id', 'member_id', 'raft_term', 'raftIndex', 'raftAppliedIndex', 'raftTerm', 'dbSize', 'dbSizeInUse'],
  ...['hash', 'leader', 'token', 'clientURLs', 'etcdserver', 'lease', 'remaining_bytes', 'blob', 'TTL'],
]);
const RELEASE = /^\d+\.\d+\.\d+$/u;
const DEADLINE_EXCEEDED = 4;
/** The key of a lock or an election ends with its lease's id. */
const LEASED_KEY = /^(lock|vote)\/[0-9a-f]+$/u;

/** @param address `host:port`. */
export function askJson(address: string, call: JsonCall): Promise<JsonAnswer> {
  const { path, body, headers = {}, lines = Infinity } = call;
  const method = call.method ?? (body === undefined ? 'GET' : 'POST');
  return new Promise((resolve, reject) => {
    const request = httpRequest(`http://${address}${path}`, { method, headers, agent: false }, (response) => {
      let text = '';
      const done = (): void => {
        const read = text.split('\n').filter((line) => line !== '');
        resolve({ status: response.statusCode, type: response.headers['content-type'], lines: read.map(comparable) });
        request.destroy();
      };
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.split('\n').length > lines) done();
      });
      response.on('end', done);
      response.on('error', reject);
    });
    request.setTimeout(GUARD_MS, () => request.destroy(new Error(`no answer to ${path}`)));
    request.on('error', reject);
    request.end(body);
  });
}

function comparable(line: string): unknown {
  try {
    return withoutOwn(JSON.parse(line));
  } catch {
    return line;
  }
}

function withoutOwn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutOwn);
  if (typeof value !== 'object' || value === null) return value;
  const kept: [string, unknown][] = [];
  for (const [name, inner] of Object.entries(value)) {
    // The text of a refusal, which etcd's newer gateway gives once.
    if (name === 'error' && typeof inner === 'string') continue;
    if (name === 'grpc_code' || name === 'http_code' || name === 'http_status') continue;
    if (OWN.has(name) || (name === 'ID' && !isSmall(inner)))
      kept.push([name, typeof inner === 'object' ? '{}' : 'own']);
    else if ((name === 'key' || name === 'name') && typeof inner === 'string') kept.push([name, keyOf(inner)]);
    else if (name === 'version' && RELEASE.test(String(inner))) kept.push([name, 'own']);
    // Whether the gateway or the server behind it was the first to see the limit pass is chance, and each has its own words.
    else if (name === 'message' && 'code' in value && value.code === DEADLINE_EXCEEDED) kept.push([name, 'too late']);
    // protojson puts a space of another kind there in some builds.
    else if (name === 'message' && typeof inner === 'string') kept.push([name, inner.replaceAll('\u00a0', ' ')]);
    else kept.push([name, withoutOwn(inner)]);
  }
  return Object.fromEntries(kept);
}

/** An id that the test has chosen. */
function isSmall(id: unknown): boolean {
  return typeof id === 'string' && id.length < 6;
}

function keyOf(base64: string): string {
  const text = Buffer.from(base64, 'base64').toString('latin1');
  return LEASED_KEY.test(text) ? text.replace(/\/.*/u, '/lease') : base64;
}
