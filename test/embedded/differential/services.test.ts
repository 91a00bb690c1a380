/**
 * The same calls, one after another, to the embedded server and to a real etcd: status and text of every refusal and every
 * field of every answer are equal, header revisions included. Not compared: ids of cluster, members and leases, tokens, terms
 * and indexes of raft, sizes, hashes, snapshots, the version of the server.
 */
import { describe, expect, it } from 'vitest';
import { EtcdProcess } from '../../support/etcd.js';
import { RpcSession, type Entry } from '../rpc-session.js';
import { authCallersProgram, authRecordsProgram } from './auth-program.js';
import { concurrencyProgram } from './concurrency-program.js';
import { startEmbedded } from './embedded-server.js';
import { clusterProgram, maintenanceProgram } from './maintenance-program.js';

type Program = (rpc: RpcSession) => Promise<void>;

async function run(program: Program, address: string): Promise<Entry[]> {
  const rpc = await RpcSession.connect(address);
  try {
    await program(rpc);
    return rpc.entries;
  } finally {
    rpc.close();
  }
}

async function onEmbedded(program: Program): Promise<Entry[]> {
  const server = await startEmbedded();
  try {
    return await run(program, server.address);
  } finally {
    await server.close();
  }
}

async function onEtcd(program: Program): Promise<Entry[]> {
  // bcrypt's lowest cost: it is not bcrypt that is tested.
  await using etcd = await EtcdProcess.start({ flags: ['--bcrypt-cost=4'] });
  // Awaited here: the server goes with this block.
  return await run(program, etcd.address);
}

const programs: readonly (readonly [string, Program])[] = [
  ['users, roles and permissions while authentication is off', authRecordsProgram],
  ['callers, tokens and permissions while it is on', authCallersProgram],
  ['maintenance, alarms and health', maintenanceProgram],
  ['members', clusterProgram],
  ['locks and elections', concurrencyProgram],
];

describe('the embedded server answers as etcd 3.5', () => {
  it.each(programs)('for %s', async (_, program) => {
    const embedded = await onEmbedded(program);
    const etcd = await onEtcd(program);
    for (const [index, real] of etcd.entries()) {
      expect.soft({ at: index, ...embedded[index] }, `after ${etcd[index - 1]?.call ?? 'the start'}`).toEqual({
        at: index,
        ...real,
      });
    }
    expect(embedded.length).toBe(etcd.length);
  });
});
