import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { EtcdProcess } from '../support/etcd.js';

describe('etcd as a child process', () => {
  it('answers health on its ports, keeps them over stop, kill and restart, and ends with close', async () => {
    const etcd = await EtcdProcess.start({ watchProgressNotifyIntervalMs: 100, quotaBytes: 64 << 20 });
    try {
      const { endpoint, pid } = etcd;
      await etcd.restart();
      expect(etcd.endpoint).toBe(endpoint);
      expect(etcd.pid).not.toBe(pid);
      await etcd.kill();
      expect(etcd.running).toBe(false);
      etcd.wipe();
      etcd.launch();
      await etcd.waitReady();
      for (let round = 0; round < 10; round += 1) {
        etcd.pause();
        await expect(etcd.waitReady(50)).rejects.toThrow('not healthy');
        etcd.resume();
        await etcd.waitReady();
      }
      expect(etcd.logs()).toContain('etcd');
    } finally {
      await etcd.close();
    }
    expect(etcd.pid).toBeUndefined();
  });

  it('listens on a unix socket when asked to', async () => {
    const etcd = await EtcdProcess.start({ unixSocket: true });
    try {
      const socket = connect(etcd.socketPath);
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      socket.destroy();
    } finally {
      await etcd.close();
    }
  });

  it('shows its log when it cannot start', async () => {
    await expect(EtcdProcess.start({ flags: ['--no-such-flag'] })).rejects.toThrow('no-such-flag');
  });
});
