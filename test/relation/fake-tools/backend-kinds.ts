// The two ways in which one suite runs: the model in memory itself, and the same model behind spawned hook tools.
import { afterAll, beforeAll, describe } from 'vitest';
import type { Charm } from '../../../src/main/relation/index.js';
import { FakeAgent } from './fake-agent.js';

/** What a test of both ways works with. */
export interface BackendKind {
  readonly name: 'in memory' | 'over hook tools';
  /** Makes a charm that reaches the model in this way. */
  charm(charm: Charm): Charm;
}

/** Defines the same tests for both. */
export function describeBackends(suite: (kind: BackendKind) => void): void {
  describe('in memory', () => {
    suite({ name: 'in memory', charm: (charm) => charm });
  });
  describe('over hook tools', () => {
    let agent: FakeAgent | undefined;
    beforeAll(async () => {
      agent = await FakeAgent.start();
    });
    afterAll(() => agent?.close());
    suite({
      name: 'over hook tools',
      charm: (charm) => async (backend) => {
        if (agent === undefined) throw new Error('the agent has not started');
        await agent.overTools(charm)(backend);
      },
    });
  });
}
