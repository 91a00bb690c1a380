/**
 * Entry of the server's thread: starts the server and obeys the caller's commands. What is thrown here and caught nowhere
 * ends the thread, which the caller is told by its end.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { EtcdError, errorToPlain, toEtcdError } from '../wire/errors.js';
import { ManualClock, systemClock } from './clock.js';
import { EtcdServer } from './etcd-server.js';
import type { FaultResult } from './faults/fault.js';
import type { ServerCommand, ServerReport, ServerRequest, ServerStart } from './server-messages.js';

if (parentPort === null)
  throw new EtcdError('server-thread.js is started by EmbeddedEtcd, not by itself', { code: 'internal' });
const port = parentPort;

const start = workerData as ServerStart; // given by EmbeddedEtcd, which checked it
const clock = start.clock === 'manual' ? new ManualClock() : systemClock;

function report(message: ServerReport): void {
  port.postMessage(message);
}

async function obey(server: EtcdServer, command: ServerCommand): Promise<FaultResult> {
  switch (command.kind) {
    case 'close':
      await server.close();
      return undefined;
    case 'advance':
      if (!(clock instanceof ManualClock))
        throw new EtcdError("the clock is the system's; start with clock: 'manual' to turn it by hand", {
          code: 'invalid-argument',
        });
      clock.advance(command.byMs);
      return undefined;
    case 'faults':
      return server.faults.obey(command.command);
    default:
      return command satisfies never;
  }
}

async function answer(server: EtcdServer, { id, command }: ServerRequest): Promise<void> {
  try {
    report({ kind: 'done', id, value: await obey(server, command), error: undefined });
  } catch (error) {
    report({ kind: 'done', id, error: errorToPlain(toEtcdError(error)) });
  }
}

/** A function, since the source for bundles is CommonJS, which cannot wait at its top level. */
async function serve(): Promise<void> {
  try {
    const server = await EtcdServer.start({ ...start, clock });
    port.on('message', (request: ServerRequest) => {
      void answer(server, request);
    });
    report({ kind: 'ready', endpoints: server.listeners.map((listener) => listener.endpoint) });
  } catch (error) {
    report({ kind: 'failed', error: errorToPlain(toEtcdError(error)) });
  }
}

void serve();
