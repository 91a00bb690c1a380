/** A LeaseKeepAlive stream of the fake cluster: both its ends. The server works it off one renewal after the other. */
import type { EtcdError } from '../../../src/wire/errors.js';
import { GrpcStatus, serverError } from '../../../src/wire/server-errors.js';
import type { GrpcStream, StreamHandlers } from '../../../src/grpc/grpc-connection.js';
import { int64Of, readFields, writeFields } from '../../support/raw-protobuf.js';
import type { FakeConnection } from './fake-connection.js';

interface Renewal {
  readonly leaseId: bigint;
  readonly sentMs: number;
}

/** How often the server looks whether a lease that has run out was revoked. */
const WAIT_MS = 100;

export class FakeKeepAliveStream implements GrpcStream {
  readonly #connection: FakeConnection;
  readonly #handlers: StreamHandlers;
  readonly #hasLeader: boolean;
  /** Written and not answered, for the one who counts. */
  readonly unanswered: Renewal[] = [];
  #atServer: Renewal[] = [];
  #isWorking = false;
  /** For the client. */
  #isOver = false;
  /** For the server, which ends it on its own side first. */
  #isEnded = false;

  constructor(connection: FakeConnection, handlers: StreamHandlers, hasLeader: boolean) {
    this.#connection = connection;
    this.#handlers = handlers;
    this.#hasLeader = hasLeader;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  write(framed: Uint8Array): void {
    if (this.#isOver) return;
    const { cluster, toServer } = this.#connection;
    for (let at = 0; at < framed.length;) {
      const length = new DataView(framed.buffer, framed.byteOffset + at).getUint32(1);
      const message = framed.subarray(at + 5, at + 5 + length);
      at += 5 + length;
      const renewal = { leaseId: int64Of(readFields(message), 1), sentMs: cluster.time.trueMs };
      cluster.observer.renewalWritten(renewal.leaseId, this);
      this.unanswered.push(renewal);
      toServer.send(() => {
        this.#atServer.push(renewal);
        this.#work();
      });
    }
  }

  pause(): void {
    throw new Error('lease streams are never paused');
  }

  resume(): void {
    // As above.
  }

  cancel(): void {
    this.#isOver = true;
    this.#connection.streams.delete(this);
  }

  /** The client learns that it is over. */
  end(error: EtcdError | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.streams.delete(this);
    this.#handlers.onEnd(error);
  }

  /** Never from inside the call that opened it. */
  endSoon(error: EtcdError): void {
    this.#connection.cluster.time.after(0, () => {
      this.end(error);
    });
  }

  #work(): void {
    if (this.#isWorking || this.#isEnded) return;
    const renewal = this.#atServer[0];
    if (renewal === undefined) return;
    const { cluster, member } = this.#connection;
    this.#isWorking = true;
    cluster.time.after(member.renewalMs, () => {
      this.#isWorking = false;
      this.#serve(renewal);
    });
  }

  #serve(renewal: Renewal): void {
    const { cluster, member } = this.#connection;
    const { leaseId } = renewal;
    if (this.#isEnded) return;
    const refusal = cluster.refusal(cluster.streamRefusal, member);
    if (refusal !== undefined) {
      if (refusal.applied) cluster.lessor.renew(leaseId, cluster.time.trueMs);
      this.#refuse(refusal.status, refusal.text);
      return;
    }
    if (!cluster.lessor.hasLeader) {
      if (this.#hasLeader) this.#refuse(GrpcStatus.UNAVAILABLE, 'etcdserver: no leader');
      else this.#waitAndServe(renewal);
      return;
    }
    if (cluster.poisoned.has(leaseId)) {
      cluster.observer.denied(leaseId, 'refused');
      this.#refuse(GrpcStatus.PERMISSION_DENIED, 'etcdserver: permission denied');
      return;
    }
    cluster.observer.arrived('/etcdserverpb.Lease/LeaseKeepAlive', leaseId);
    const ttlSeconds = cluster.lessor.renew(leaseId, cluster.time.trueMs);
    if (ttlSeconds === 'wait') {
      this.#waitAndServe(renewal);
      return;
    }
    if (ttlSeconds === 0) cluster.observer.denied(leaseId, 'unknown');
    this.#atServer.shift();
    this.#answer(renewal, ttlSeconds);
    this.#work();
  }

  #waitAndServe(renewal: Renewal): void {
    this.#isWorking = true;
    this.#connection.cluster.time.after(WAIT_MS, () => {
      this.#isWorking = false;
      this.#serve(renewal);
    });
  }

  #answer(renewal: Renewal, ttlSeconds: number): void {
    const { leaseId, sentMs } = renewal;
    const { cluster, toClient } = this.#connection;
    const message = writeFields([
      [2, leaseId],
      [3, ttlSeconds],
    ]);
    toClient.send(() => {
      if (this.#isOver) return;
      this.unanswered.splice(this.unanswered.indexOf(renewal), 1);
      this.#handlers.onMessage(message, 0, message.length);
      if (ttlSeconds > 0) cluster.observer.answerRead('renewal', leaseId, sentMs, ttlSeconds);
    });
  }

  #refuse(status: number, text: string): void {
    this.#isEnded = true;
    this.#atServer = [];
    const { endpoint } = this.#connection;
    this.#connection.toClient.send(() => {
      this.end(serverError(status, text, { endpoint: endpoint.text }));
    });
  }
}
