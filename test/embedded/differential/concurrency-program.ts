/** Locks and elections: order, cancelled waiters, expired sessions, observers. */
import { eventually } from '../../support/poll.js';
import { bytes, type Fields, type RpcSession } from '../rpc-session.js';

const keysBelow = { m: ['m', 'n'], e: ['e', 'f'], w: ['w', 'x'] } as const;

/** Waits until so many keys are in a queue: calls that wait are sent without being answered. */
async function queued(rpc: RpcSession, name: keyof typeof keysBelow, count: number): Promise<void> {
  const [key, rangeEnd] = keysBelow[name];
  await eventually(
    async () => {
      const answer = await rpc.silently('KV/Range', { key: bytes(key), rangeEnd: bytes(rangeEnd), countOnly: true });
      return 'fields' in answer && Number(answer.fields['count'] ?? 0) === count;
    },
    { what: `${String(count)} keys below ${name}` },
  );
}

export async function concurrencyProgram(rpc: RpcSession): Promise<void> {
  for (const ID of [1, 2, 3, 4, 0x77]) await rpc.call('Lease/LeaseGrant', { ID, TTL: 600 });
  await locks(rpc);
  await elections(rpc);
}

async function keys(rpc: RpcSession, name: keyof typeof keysBelow): Promise<Fields> {
  const [key, rangeEnd] = keysBelow[name];
  return rpc.call('KV/Range', { key: bytes(key), rangeEnd: bytes(rangeEnd) });
}

async function locks(rpc: RpcSession): Promise<void> {
  const lock = (lease: number): ReturnType<RpcSession['start']> => rpc.start('Lock/Lock', { name: bytes('m'), lease });
  await lock(1).recorded();
  const second = lock(2);
  await queued(rpc, 'm', 2);
  const third = lock(3);
  await queued(rpc, 'm', 3);
  const fourth = lock(4);
  await queued(rpc, 'm', 4);
  await lock(1).recorded();
  await keys(rpc, 'm');
  third.cancel();
  await queued(rpc, 'm', 3);
  await keys(rpc, 'm');
  await rpc.call('KV/DeleteRange', { key: bytes('m/4') });
  await rpc.call('Lock/Unlock', { key: bytes('m/1') });
  await second.recorded();
  await rpc.call('Lock/Unlock', { key: bytes('m/2') });
  await fourth.recorded();
  await rpc.call('Lock/Unlock', { key: bytes('m/2') });
  await rpc.call('Lock/Unlock');
  await keys(rpc, 'm');
  await rpc.call('Lock/Lock', { name: bytes('m'), lease: 12345 });
  await rpc.call('Lock/Lock', { name: bytes('m'), lease: -5 });
  await rpc.call('Lock/Lock', { lease: 1 });
  await rpc.call('Lock/Lock', { name: bytes('\xff'), lease: 0x77 });

  await rpc.call('Lock/Lock', { name: bytes('w'), lease: 1 });
  const lost = rpc.start('Lock/Lock', { name: bytes('w'), lease: 3 });
  await queued(rpc, 'w', 2);
  await rpc.call('Lease/LeaseRevoke', { ID: 3 });
  await rpc.call('KV/DeleteRange', { key: bytes('w/1') });
  await lost.recorded();
  await keys(rpc, 'w');
  // A lease of its own, of a minute, for a caller without one.
  const own = await rpc.silently('Lock/Lock', { name: bytes('w') });
  const key = 'fields' in own ? String(own.fields['key']) : '';
  const lease = BigInt(`0x${key.split('/')[1] ?? '0'}`);
  rpc.name(lease.toString(16), '(own lease)');
  rpc.name(String(lease), '(own lease)');
  await keys(rpc, 'w');
  await rpc.call('Lock/Unlock', { key: bytes(key.slice('bytes:'.length)) });
}

async function elections(rpc: RpcSession): Promise<void> {
  const name = bytes('e');
  const leader = (lease: number, rev: number): object => ({ name, key: bytes(`e/${lease.toString(16)}`), rev, lease });
  const campaign = (lease: number, value: string): ReturnType<RpcSession['start']> =>
    rpc.start('Election/Campaign', { name, lease, value: bytes(value) });
  await rpc.call('Lease/LeaseGrant', { ID: 3, TTL: 600 });
  await rpc.call('Election/Leader', { name });
  const first = await campaign(1, 'one').recorded();
  const rev = Number((first['leader'] as Fields)['rev']); // a leader key
  await campaign(1, 'one').recorded();
  await campaign(1, 'one-b').recorded();
  await rpc.call('Election/Leader', { name });
  const second = campaign(2, 'two');
  await queued(rpc, 'e', 2);
  const third = campaign(3, 'three');
  await queued(rpc, 'e', 3);
  const fourth = campaign(4, 'four');
  await queued(rpc, 'e', 4);
  await rpc.call('Election/Proclaim', { leader: leader(1, rev), value: bytes('one-c') });
  await rpc.call('Election/Proclaim', { leader: leader(1, rev + 1), value: bytes('x') });
  await rpc.call('Election/Proclaim', { leader: { ...leader(1, rev), lease: 999 }, value: bytes('x') });
  await rpc.call('Election/Proclaim', { leader: { ...leader(1, rev + 1), lease: 999 }, value: bytes('x') });
  await rpc.call('Election/Proclaim', { leader: { lease: 1 } });
  await rpc.call('Election/Proclaim');
  await rpc.call('Election/Resign');
  await rpc.call('Election/Resign', { leader: { lease: 1 } });
  await rpc.call('Election/Resign', { leader: leader(1, rev + 1) });
  await keys(rpc, 'e');
  third.cancel();
  await queued(rpc, 'e', 3);
  await rpc.call('KV/DeleteRange', { key: bytes('e/4') });
  await rpc.call('Election/Resign', { leader: leader(1, rev) });
  await second.recorded();
  await rpc.call('Election/Leader', { name });
  await rpc.call('Lease/LeaseRevoke', { ID: 2 });
  await fourth.recorded();
  await keys(rpc, 'e');
  await rpc.call('Election/Leader', { name });
  await rpc.call('Election/Campaign', { name, lease: 7777 });
  await rpc.call('Election/Proclaim', { leader: { name, key: bytes('q'), lease: 0x77 }, value: bytes('x') });
  await rpc.call('Election/Resign', { leader: { name, key: bytes('q'), lease: 0x77 } });
  await rpc.call('Election/Campaign', { name: bytes('e'), lease: 0x77 });
}
