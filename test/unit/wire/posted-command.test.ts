import { describe, expect, it } from 'vitest';
import type { ShardCommand } from '../../../src/wire/contract.js';
import { packCommand, unpackCommand } from '../../../src/wire/posted-command.js';

const plain = {
  resumed: false,
  prevKv: false,
  noPut: false,
  noDelete: false,
  progressNotify: false,
  fragment: undefined,
};

function overThePort(command: ShardCommand): ShardCommand {
  const { posted, transfer } = packCommand(command);
  return unpackCommand(structuredClone(posted, { transfer }));
}

describe('commands over the port', () => {
  it('a watch command arrives as it was, every option of every watch', () => {
    const command: ShardCommand = {
      kind: 'watch',
      watches: [
        { ...plain, watch: 1, key: Buffer.from('a'), rangeEnd: undefined, startRevision: 0 },
        { ...plain, watch: 2 ** 32 - 1, key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0), startRevision: 2 ** 53 - 1 },
        {
          ...plain,
          watch: 3,
          key: Buffer.from('prefix/'),
          rangeEnd: Buffer.from('prefix0'),
          startRevision: 7,
          resumed: true,
        },
        { ...plain, watch: 4, key: Buffer.from('whole'), rangeEnd: undefined, startRevision: 0, fragment: false },
        ...(['prevKv', 'noPut', 'noDelete', 'progressNotify', 'fragment'] as const).map((option, index) => ({
          ...plain,
          [option]: true,
          watch: 10 + index,
          key: Buffer.from([255, index]),
          rangeEnd: undefined,
          startRevision: index,
        })),
      ],
    };
    const arrived = overThePort(command);
    const asArrays = ({ watches }: Extract<ShardCommand, { kind: 'watch' }>) =>
      watches.map((spec) => ({ ...spec, key: [...spec.key], rangeEnd: spec.rangeEnd && [...spec.rangeEnd] }));
    expect(arrived.kind).toBe('watch');
    if (arrived.kind === 'watch') expect(asArrays(arrived)).toEqual(asArrays(command));
  });

  it('a watch command carries what main knew of the store', () => {
    const known = { clusterId: 2n ** 64n - 1n, revision: 2 ** 52 };
    expect(overThePort({ kind: 'watch', watches: [], known })).toEqual({ kind: 'watch', watches: [], known });
  });

  it('keys of one command do not keep each other in memory', () => {
    const watches = [1, 2].map((watch) => ({
      ...plain,
      watch,
      key: Buffer.alloc(100),
      rangeEnd: undefined,
      startRevision: 0,
    }));
    const arrived = overThePort({ kind: 'watch', watches });
    if (arrived.kind === 'watch') for (const { key } of arrived.watches) expect(key.buffer.byteLength).toBe(100);
  });

  it('every other command is sent as it is', () => {
    const command: ShardCommand = { kind: 'detach', watches: [1, 2] };
    expect(overThePort(command)).toEqual(command);
  });
});
