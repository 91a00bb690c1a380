import { describe, expect, it } from 'vitest';
import { EtcdError } from '../../../src/wire/errors.js';
import { FrameSplitter } from '../../../src/grpc/frame-splitter.js';
import { frame } from '../../support/scripted-server.js';

/** Messages as they were handed out: which buffer, and where in it. */
class Sink {
  readonly taken: { buffer: Uint8Array; start: number; end: number }[] = [];
  onEach: (() => void) | undefined;

  get texts(): string[] {
    return this.taken.map(({ buffer, start, end }) => Buffer.from(buffer.subarray(start, end)).toString('latin1'));
  }

  onMessage(buffer: Uint8Array, start: number, end: number): void {
    this.taken.push({ buffer, start, end });
    this.onEach?.();
  }
}

/** A small generator with a seed, so that a failure can be repeated. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function thrownBy(run: () => void): unknown {
  try {
    run();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

const ENDPOINT = 'http://etcd.test:2379';

describe('FrameSplitter', () => {
  it('hands out messages inside one chunk in place, without a copy', () => {
    const sink = new Sink();
    const splitter = new FrameSplitter(sink, 1000, ENDPOINT);
    const single = frame('alone');
    const several = Buffer.concat([frame('one'), frame(''), frame('two')]);
    splitter.push(single);
    splitter.push(several);
    expect(sink.texts).toEqual(['alone', 'one', '', 'two']);
    expect(sink.taken[0]?.buffer).toBe(single);
    for (const { buffer } of sink.taken.slice(1)) expect(buffer).toBe(several);
    expect(splitter.end()).toBeUndefined();
  });

  it('finds the same messages however the bytes are split', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randomFrom(seed);
      const texts = Array.from({ length: 1 + random(12) }, () => 'x'.repeat(random(3) === 0 ? 0 : random(400)));
      const bytes = Buffer.concat(texts.map((text, index) => frame(text.replaceAll('x', String(index % 10)))));
      const sink = new Sink();
      const splitter = new FrameSplitter(sink, 400, ENDPOINT);
      for (let at = 0; at < bytes.length;) {
        const next = Math.min(bytes.length, at + 1 + random(random(2) === 0 ? 4 : 500));
        // A chunk of its own memory: what was lent earlier must not be read again.
        const chunk = Uint8Array.prototype.slice.call(bytes, at, next);
        expect(splitter.push(chunk)).toBe(chunk.length);
        at = next;
      }
      expect(sink.texts, `seed ${String(seed)}`).toEqual(texts.map((text, i) => text.replaceAll('x', String(i % 10))));
      expect(splitter.end()).toBeUndefined();
    }
  });

  it('loses and doubles nothing when it is halted at any message, however the bytes are split', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = randomFrom(seed);
      const texts = Array.from({ length: 20 }, (_, index) => `${String(index)}:${'y'.repeat(random(30))}`);
      const bytes = Buffer.concat(texts.map((text) => frame(text)));
      const sink = new Sink();
      const splitter = new FrameSplitter(sink, 400, ENDPOINT);
      let halted = false;
      sink.onEach = () => {
        expect(halted).toBe(false);
        if (random(3) !== 0) return;
        halted = true;
        splitter.halt();
      };
      for (let at = 0; at < bytes.length;) {
        at += splitter.push(bytes.subarray(at, Math.min(bytes.length, at + 1 + random(80))));
        halted = false;
        splitter.unhalt();
      }
      expect(sink.texts, `seed ${String(seed)}`).toEqual(texts);
    }
  });

  it('tells an end inside a prefix and inside a message', () => {
    for (const length of [1, 4, 5, 9]) {
      const splitter = new FrameSplitter(new Sink(), 1000, ENDPOINT);
      splitter.push(frame('hello').subarray(0, length));
      expect(splitter.end()).toMatchObject({ code: 'malformed-response', endpoint: ENDPOINT });
    }
  });

  it.each([
    [1, 'compressed'],
    [2, 'flag 2'],
    [255, 'flag 255'],
  ])('refuses flag %i', (flag, text) => {
    for (const split of [0, 1, 3]) {
      const splitter = new FrameSplitter(new Sink(), 1000, ENDPOINT);
      const bytes = frame('message', flag);
      const error = thrownBy(() => {
        splitter.push(bytes.subarray(0, split));
        splitter.push(bytes.subarray(split));
      });
      expect(error).toMatchObject({ code: 'protocol-error' });
      expect(error).toBeInstanceOf(EtcdError);
      expect(String(error)).toContain(text);
    }
  });

  it('refuses a length above maxMessageBytes by its prefix alone, and takes the largest allowed', () => {
    const sink = new Sink();
    const splitter = new FrameSplitter(sink, 10, ENDPOINT);
    splitter.push(frame('0123456789'));
    expect(sink.texts).toEqual(['0123456789']);
    const prefix = Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff);
    expect(thrownBy(() => splitter.push(prefix))).toMatchObject({ code: 'message-too-large' });
  });

  it('allocates nothing for an announced length that does not come', () => {
    const splitter = new FrameSplitter(new Sink(), 2 ** 32, ENDPOINT);
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 50; round += 1) {
      new FrameSplitter(new Sink(), 2 ** 32, ENDPOINT).push(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1));
    }
    splitter.push(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(splitter.end()?.message).toContain(String(2 ** 32 - 2));
  });

  it('lets what the sink throws through', () => {
    const sink = new Sink();
    sink.onEach = () => {
      throw new Error('mine');
    };
    const splitter = new FrameSplitter(sink, 1000, ENDPOINT);
    expect(() => splitter.push(frame('x'))).toThrow('mine');
  });
});
