/**
 * One streaming call between the transport and its handler: where faults cut, stall or end it. Server thread.
 */
import { etcdserverpb as rpc } from '../../generated/etcd.js';
import { failure, RpcFailure } from '../rpc-failure.js';
import type { CallContext, StreamCall } from '../services/service.js';
import type { CallAction, FaultMoment } from './fault.js';
import { isServerAction, type FaultParts } from './fault-parts.js';

type BytesCall = StreamCall<Uint8Array, Uint8Array>;
type State = 'open' | 'stalled' | 'over';

export class FaultyStream implements BytesCall {
  readonly context: CallContext;
  readonly #rpc: string;
  readonly #call: BytesCall;
  readonly #parts: FaultParts;
  readonly #held: Uint8Array[] = [];
  #drainRun: () => void = () => undefined;
  #unguard: () => void = () => undefined;
  #unstall: () => void = () => undefined;
  #state: State = 'open';

  constructor(name: string, call: BytesCall, parts: FaultParts) {
    this.context = call.context;
    this.#rpc = name;
    this.#call = call;
    this.#parts = parts;
  }

  /** Gives false when the call was ended at once. */
  opened(): boolean {
    const { leadership } = this.#parts;
    if (this.context.hasLeader) {
      if (leadership.lost) {
        this.#call.end(failure('noLeader'));
        return false;
      }
      this.#unguard = leadership.guard(() => {
        this.#state = 'over';
        this.#call.end(failure('noLeader'));
      });
    }
    this.#strike('call');
    return this.#isOpen();
  }

  onRequest(run: (request: Uint8Array) => void): void {
    this.#call.onRequest((request) => {
      this.#strike('request');
      if (this.#state !== 'over') run(request);
    });
  }

  onHalfClose(run: () => void): void {
    this.#call.onHalfClose(run);
  }

  onClosed(run: () => void): void {
    this.#call.onClosed(() => {
      this.#state = 'over';
      this.#unguard();
      this.#unstall();
      run();
    });
  }

  onDrain(run: () => void): void {
    this.#drainRun = run;
    this.#call.onDrain(() => {
      if (this.#state === 'open') run();
    });
  }

  pauseRequests(): void {
    this.#call.pauseRequests();
  }

  resumeRequests(): void {
    this.#call.resumeRequests();
  }

  write(message: Uint8Array): boolean {
    return this.writeEncoded(message);
  }

  writeEncoded(bytes: Uint8Array): boolean {
    switch (this.#state) {
      case 'over':
        return true;
      case 'stalled':
        this.#held.push(bytes);
        return false;
      case 'open': {
        const taken = this.#call.writeEncoded(bytes);
        if (this.#parts.board.active) this.#wrote(bytes);
        return taken && this.#isOpen();
      }
      default:
        return this.#state satisfies never;
    }
  }

  end(refusal?: RpcFailure): void {
    this.#call.end(refusal);
  }

  cut(): void {
    this.#call.cut();
  }

  #wrote(bytes: Uint8Array): void {
    this.#strike('answer');
    if (this.#rpc !== 'Watch/Watch') return;
    const { created, events, fragment } = rpc.WatchResponse.decode(bytes);
    if (created) this.#strike('created');
    if (events.length > 0) this.#strike('events');
    if (fragment) this.#strike('fragment');
  }

  #isOpen(): boolean {
    return this.#state === 'open';
  }

  #strike(at: FaultMoment): void {
    if (this.#state === 'over') return;
    for (const action of this.#parts.board.take(this.#rpc, this.context.endpoint, at)) {
      if (isServerAction(action)) this.#parts.act(action);
      else this.#strikeCall(action);
    }
  }

  #strikeCall(action: CallAction): void {
    switch (action.kind) {
      case 'refuse':
        this.#state = 'over';
        this.#call.end(new RpcFailure(action.code, action.text));
        return;
      case 'cut':
        this.#state = 'over';
        this.#cutSoon(action.what);
        return;
      case 'stall':
        this.#stall();
        return;
      case 'go-away':
        this.context.connection.goAway();
        return;
      case 'delay':
        // Of unary calls only: time that passes in a stream is a stall.
        return;
      default:
        action satisfies never;
    }
  }

  /** What was written before leaves first: it is on its way at the end of this turn. */
  #cutSoon(what: 'call' | 'connection'): void {
    setImmediate(() => {
      setImmediate(() => {
        if (what === 'call') this.#call.cut();
        else this.context.connection.cut();
      });
    });
  }

  #stall(): void {
    if (this.#state !== 'open') return;
    this.#state = 'stalled';
    this.#unstall = this.#parts.board.onClear(() => {
      if (this.#state !== 'stalled') return;
      this.#state = 'open';
      for (const bytes of this.#held.splice(0)) this.writeEncoded(bytes);
      if (this.#isOpen()) this.#drainRun();
    });
  }
}
