import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { linkAbort } from '../../../src/main/abort-link.js';

describe('a signal', () => {
  it('has one listener however many actions hang on it, and none when all are done', () => {
    const { signal } = new AbortController();
    const unlinks = Array.from({ length: 1_000 }, () => linkAbort(signal, () => undefined));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    for (const unlink of unlinks) unlink();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('runs every action once, but none that an earlier one took back', () => {
    const controller = new AbortController();
    const ran: string[] = [];
    linkAbort(controller.signal, () => {
      ran.push('first');
      unlinkSecond();
    });
    const unlinkSecond = linkAbort(controller.signal, () => ran.push('second'));
    linkAbort(controller.signal, () => ran.push('third'));
    controller.abort();
    unlinkSecond();
    expect(ran).toEqual(['first', 'third']);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  it('can be linked again after all links were taken back, and is refused once it has fired', () => {
    const controller = new AbortController();
    linkAbort(controller.signal, () => undefined)();
    let ran = 0;
    linkAbort(controller.signal, () => (ran += 1));
    controller.abort();
    expect(ran).toBe(1);
    expect(() => linkAbort(controller.signal, () => undefined)).toThrow(/has fired/u);
  });
});
