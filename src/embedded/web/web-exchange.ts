/**
 * One HTTP request with its answer, over HTTP/1 or a stream of HTTP/2: what the pages and the gateway see of either. Server thread.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';

export type AnswerHeaders = Readonly<Record<string, string>>;

export interface WebExchange {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** Each piece of the body; the last call is followed by `end`. To be called once. */
  onBody(data: (chunk: Buffer) => void, end: () => void): void;
  pauseBody(): void;
  resumeBody(): void;
  /** The client has gone, or everything was sent. */
  onClosed(run: () => void): void;
  onDrain(run: () => void): void;
  /** Begins the answer. */
  respond(status: number, headers: AnswerHeaders): void;
  /** Whether the answer has begun. */
  readonly responded: boolean;
  /** Gives false while the client takes less than is written. */
  write(text: string): boolean;
  end(text?: string): void;
  /** Loses the connection, or the stream. */
  cut(): void;
}

/** Where a request is for, whatever form its target has. */
function target(url: string): Pick<WebExchange, 'path' | 'query'> {
  const question = url.indexOf('?');
  return question === -1
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, question), query: new URLSearchParams(url.slice(question + 1)) };
}

/** A request of HTTP/1. */
export function exchangeOf(request: IncomingMessage, response: ServerResponse): WebExchange {
  return {
    method: request.method ?? '',
    ...target(request.url ?? ''),
    headers: request.headers,
    onBody: (data, end) => {
      request.on('data', data);
      request.on('end', end);
    },
    pauseBody: () => request.pause(),
    resumeBody: () => request.resume(),
    onClosed: (run) => response.on('close', run),
    onDrain: (run) => response.on('drain', run),
    respond: (status, headers) => response.writeHead(status, headers),
    get responded() {
      return response.headersSent;
    },
    write: (text) => response.write(text),
    end: (text) => {
      response.end(text);
      // What the client still sends is thrown away, so that its next request can come.
      request.resume();
    },
    cut: () => request.socket.destroy(),
  };
}

/** A request of HTTP/2 that is not gRPC's. */
export function exchangeOfStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): WebExchange {
  const isHead = headers[':method'] === 'HEAD';
  return {
    method: String(headers[':method'] ?? ''),
    ...target(String(headers[':path'] ?? '')),
    headers,
    onBody: (data, end) => {
      stream.on('data', data);
      stream.on('end', end);
    },
    pauseBody: () => stream.pause(),
    resumeBody: () => stream.resume(),
    onClosed: (run) => stream.on('close', run),
    onDrain: (run) => stream.on('drain', run),
    respond: (status, answer) => {
      if (!stream.destroyed) stream.respond({ ...answer, ':status': status }, { endStream: isHead });
    },
    get responded() {
      return stream.headersSent;
    },
    write: (text) => stream.destroyed || stream.write(text),
    end: (text) => {
      if (!stream.destroyed && !isHead) stream.end(text);
      stream.resume();
    },
    cut: () => {
      stream.destroy();
    },
  };
}
