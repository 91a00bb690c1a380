/**
 * Puts the faults between the transport and the services. Server thread. While none is set it costs a comparison a message.
 */
import { RpcFailure } from '../rpc-failure.js';
import type { CallContext, Service, StreamMethod, UnaryMethod } from '../services/service.js';
import type { CallAction, FaultMoment } from './fault.js';
import type { FaultBoard } from './fault-board.js';
import { isServerAction, type FaultParts } from './fault-parts.js';
import { FaultyStream } from './faulty-stream.js';

/** The same services, with faults. */
export function faultyServices(services: readonly Service[], parts: FaultParts): Service[] {
  return services.map(({ name, methods }) => {
    // `etcdserverpb.KV` goes by `KV`, `v3lockpb.Lock` by `Lock`.
    const short = name.slice(name.lastIndexOf('.') + 1);
    const wrapped = Object.entries(methods).map(([method, serve]) => {
      const rpc = `${short}/${method}`;
      return [method, serve.kind === 'unary' ? faultyUnary(rpc, serve, parts) : faultyOpen(rpc, serve, parts)] as const;
    });
    return { name, methods: Object.fromEntries(wrapped) };
  });
}

function faultyOpen(rpc: string, method: StreamMethod, parts: FaultParts): StreamMethod {
  return {
    kind: 'stream',
    open: (call) => {
      const stream = new FaultyStream(rpc, call, parts);
      if (stream.opened()) method.open(stream);
    },
  };
}

function faultyUnary(rpc: string, method: UnaryMethod, parts: FaultParts): UnaryMethod {
  const { board, leadership } = parts;
  const slowly = async (request: Uint8Array, call: CallContext): Promise<Uint8Array> => {
    await leadership.pass(rpc, call);
    await strike(rpc, 'call', call, parts);
    const answer = await method.run(request, call);
    await strike(rpc, 'applied', call, parts);
    return answer;
  };
  return {
    kind: 'unary',
    run: (request, call) => (board.active || leadership.lost ? slowly(request, call) : method.run(request, call)),
  };
}

async function strike(rpc: string, at: FaultMoment, call: CallContext, parts: FaultParts): Promise<void> {
  for (const action of parts.board.take(rpc, call.endpoint, at)) {
    if (isServerAction(action)) parts.act(action);
    else await strikeCall(action, call, parts.board);
  }
}

async function strikeCall(action: CallAction, call: CallContext, board: FaultBoard): Promise<void> {
  switch (action.kind) {
    case 'refuse':
      throw new RpcFailure(action.code, action.text);
    case 'delay':
      await new Promise((resolve) => setTimeout(resolve, action.byMs));
      return;
    case 'cut':
      // A unary call that ends without a status looks to clients as a lost connection does.
      call.connection.cut();
      return;
    case 'stall':
      await new Promise<void>((resolve) => {
        board.onClear(resolve);
      });
      return;
    case 'go-away':
      call.connection.goAway();
      return;
    default:
      action satisfies never;
  }
}
