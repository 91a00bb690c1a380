import { describe, expect, it } from 'vitest';
import { Members } from '../../../../src/embedded/cluster/members.js';
import { readPeerUrls } from '../../../../src/embedded/cluster/peer-urls.js';

const self = { id: 9n, name: 'me', peerUrls: ['http://localhost:2380'], clientUrls: [], isLearner: false };
const members = (): Members => new Members(self);
const notEnough = 'etcdserver: re-configuration failed due to not enough started members';

describe('members', () => {
  it('are listed in order of their ids, unsigned', () => {
    const all = new Members({ ...self, id: 2n ** 63n });
    const learner = all.propose(['http://a:1'], true);
    all.add({ ...learner, id: 3n });
    expect(all.list().map(({ id }) => id)).toEqual([3n, 2n ** 63n]);
  });

  it('can be joined by one voting member, and by no more until that has started', () => {
    const all = members();
    all.add(all.propose(['http://a:1'], false));
    expect(() => all.add(all.propose(['http://b:1'], false))).toThrow(notEnough);
    expect(() => all.add(all.propose(['http://b:1'], true))).toThrow('etcdserver: unhealthy cluster');
  });

  it('can be joined by one learner, under URLs that nobody else has', () => {
    const all = members();
    expect(() => all.add(all.propose(['http://localhost:2380'], true))).toThrow('Peer URLs already exists');
    all.add(all.propose(['http://a:1'], true));
    expect(() => all.add(all.propose(['http://a:1'], false))).toThrow('Peer URLs already exists');
    expect(() => all.add(all.propose(['http://b:1'], true))).toThrow('too many learner members in cluster');
  });

  it('can be left by others, not by the only one that has started', () => {
    const all = members();
    const learner = all.propose(['http://a:1'], true);
    all.add(learner);
    expect(() => all.remove(9n)).toThrow(notEnough);
    expect(() => all.remove(7n)).toThrow('etcdserver: member not found');
    all.remove(learner.id);
    expect(all.list().map(({ id }) => id)).toEqual([9n]);
  });

  it('cannot be promoted: a voting one need not, a learner never catches up', () => {
    const all = members();
    const learner = all.propose(['http://a:1'], true);
    all.add(learner);
    expect(() => all.promote(7n)).toThrow('etcdserver: member not found');
    expect(() => all.promote(9n)).toThrow('can only promote a learner member');
    expect(() => all.promote(learner.id)).toThrow('in sync with leader');
  });

  it('can be given other URLs, unchecked', () => {
    const all = members();
    const learner = all.propose(['http://a:1'], true);
    all.add(learner);
    expect(() => all.update(7n, ['bad'])).toThrow('etcdserver: member not found');
    expect(() => all.update(9n, ['http://a:1'])).toThrow('Peer URLs already exists');
    all.update(9n, ['bad']);
    expect(all.list().find(({ id }) => id === 9n)?.peerUrls).toEqual(['bad']);
  });
});

it('peer URLs are http, https or unix, with host and port and no path, sorted', () => {
  expect(readPeerUrls([' http://b:1', 'https://a:2'])).toEqual(['http://b:1', 'https://a:2']);
  const good = ['http://:1', 'http://[::1]:5', 'http://u:p@h:1', 'http://x:1?q=1', 'http://x:99999', 'unix://x'];
  for (const url of good) expect(readPeerUrls([url]), url).toEqual([url]);
  const bad = ['bad', 'http://x', 'ftp://x:1', 'http://x:1/path', 'http://x:1/', 'http://x:y', 'localhost:1'];
  for (const url of bad) expect(readPeerUrls([url]), url).toBeUndefined();
  expect(readPeerUrls([])).toBeUndefined();
});
