/** Percentiles within the buckets' 2 %. */
import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from '../../../../src/main/cli/demo/latency-histogram.js';

describe('LatencyHistogram', () => {
  it('gives percentiles within 2.2 % of the true ones', () => {
    const histogram = new LatencyHistogram();
    for (let us = 1; us <= 10_000; us += 1) histogram.add(us);
    for (const fraction of [0.1, 0.5, 0.9, 0.99]) {
      const truth = fraction * 10;
      expect(Math.abs((histogram.percentileMs(fraction) ?? 0) - truth) / truth).toBeLessThan(0.022);
    }
    expect(histogram.percentileMs(1)).toBeLessThanOrEqual(10);
    expect(histogram.maxMs).toBe(10);
  });

  it('has no percentile while it is empty, and after it was cleared', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.percentileMs(0.5)).toBeUndefined();
    histogram.add(5);
    histogram.clear();
    expect(histogram.percentileMs(0.5)).toBeUndefined();
    expect(histogram.maxMs).toBe(0);
  });

  it('takes a latency below a microsecond as one, and the longest as it is', () => {
    const histogram = new LatencyHistogram();
    histogram.add(-5);
    expect(histogram.percentileMs(0.5)).toBe(0.001);
    histogram.add(1e15);
    expect(histogram.maxMs).toBe(1e12);
  });
});
