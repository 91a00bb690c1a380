/** A fault that could never strike is refused where it is set. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFault } from '../../../../src/embedded/faults/check-fault.js';
import type { Fault } from '../../../../src/embedded/faults/fault.js';
import { SERVED_METHODS } from '../../../../src/embedded/faults/served-methods.js';

const on = (rpc: string): Fault => ({ rpc, at: 'call', action: { kind: 'stall' } });

describe('the method of a fault', () => {
  it.each([
    ['Kv/put', 'KV/Put'],
    ['KV/Get', undefined],
    ['watch/watch', 'Watch/Watch'],
    ['KV/DeleteRnge', 'KV/DeleteRange'],
    ['Lease/KeepAlive', 'Lease/LeaseKeepAlive'],
    ['KV', undefined],
    ['etcdserverpb.KV/Put', undefined],
    ['__proto__/x', undefined],
  ])('%s is refused, since the server has none', (rpc, meant) => {
    const refusal = new RegExp(
      `^inject: rpc must be a method that the server has.*${meant === undefined ? '' : `did you mean '${meant}'`}`,
      'u',
    );
    expect(() => checkFault(on(rpc), 'inject')).toThrow(refusal);
  });

  it('may be any that the server has, or all', () => {
    for (const rpc of [...SERVED_METHODS, '*']) expect(checkFault(on(rpc), 'inject')).toMatchObject({ rpc });
  });

  it('is known for each method of the protos, and for no other', () => {
    const folder = join(import.meta.dirname, '../../../../protos');
    const declared = readdirSync(folder).flatMap((file) =>
      [
        ...readFileSync(join(folder, file), 'utf8')
          .replace(/\/\/.*$/gmu, '')
          .matchAll(/service (\w+) \{([^}]*)\}/gu),
      ].flatMap(([, service = '', body = '']) =>
        [...body.matchAll(/rpc (\w+)\s*\(/gu)].map(([, method = '']) => `${service}/${method}`),
      ),
    );
    const served = declared.filter((rpc) => rpc !== 'KV/RangeStream'); // of later releases than the server is like
    expect([...SERVED_METHODS].sort()).toEqual(served.sort());
  });
});
