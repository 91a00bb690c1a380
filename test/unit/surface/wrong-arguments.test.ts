/**
 * Every public function is given every kind of wrong argument, as its types in the built package forbid it: it refuses each with an
 * EtcdError `invalid-argument` that names it, in the same words, before anything is sent.
 */
import { EtcdError } from 'etcd-vigil';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declaredSurface, type Callable, type WrongArgument } from './declared-surface.js';
import { makeRig, type Rig } from './surface-rig.js';

const ENTRIES = ['main/index', 'embedded/index', 'embedded/testing', 'main/relation/index'];
/** A call that neither refuses nor answers within this hangs. */
const HANG_MS = 10_000;

/** Not checked, and why; whole callables, one argument of them, or one value of that. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  'new EtcdError': 'an error that cannot be made would hide the fault that it tells',
  'new CompactedError': 'as EtcdError',
  'new LeaseError': 'as EtcdError',
  'new HookToolError': 'as EtcdError',
  'new Bytes': 'the constructor of Uint8Array',
  'Bytes.from (static) 1 map = a function': 'what it gives is what the source holds, and told as that',
  'JujuModel.run 0 charm = a function': 'what a function returns is not known before it has run',
  'connect 0 auth|options = { auth: a function }': 'what a function returns is not known before it has run',
  'connectFromFile 1 auth|options = { auth: a function }': 'as connect',
  'connectFromRelation 1 auth|options = { auth: a function }': 'as connect',
  'Bytes.subarray': 'the method of Uint8Array, and called by its other methods',
};

const surface = declaredSurface(ENTRIES.map((entry) => `${import.meta.dirname}/../../../dist/${entry}.d.ts`));
const called = surface.filter(({ name, wrong }) => wrong.length > 0 && !(name in EXCEPTIONS));

let rig: Rig;
beforeAll(async () => {
  rig = await makeRig();
});
afterAll(() => rig.close());

describe('the public surface', () => {
  it('is read from the declarations of all entries', () => {
    const names = called.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'connect',
        'Etcd.watch',
        'Leases.grant',
        'CompareTarget.lease.equals',
        'JujuBackend.readDatabag',
      ]),
    );
    expect(called.flatMap(({ wrong }) => wrong).length).toBeGreaterThan(2_000);
  });

  it('excepts only what exists', () => {
    const known = surface.flatMap(({ name, wrong }) => [
      name,
      ...wrong.flatMap((one) => [`${name} ${argumentOf(one)}`, `${name} ${argumentOf(one)} = ${one.label}`]),
    ]);
    expect(Object.keys(EXCEPTIONS).filter((name) => !known.includes(name))).toEqual([]);
  });

  it.each(called.map((callable) => [callable.name, callable] as const))(
    '%s refuses wrong arguments, each by its name',
    async (_name, callable) => {
      expect(await faultsOf(callable)).toEqual([]);
    },
    300_000,
  );
});

async function faultsOf(callable: Callable): Promise<string[]> {
  const faults: string[] = [];
  for (const target of targetsOf(callable)) {
    for (const wrong of callable.wrong) {
      const argument = `${callable.name} ${argumentOf(wrong)}`;
      if (argument in EXCEPTIONS || `${argument} = ${wrong.label}` in EXCEPTIONS) continue;
      const fault = await faultOf(callable, target, wrong);
      if (fault !== undefined) faults.push(`${argumentOf(wrong)} = ${wrong.label}: ${fault}`);
    }
  }
  return faults;
}

function argumentOf({ position, names }: WrongArgument): string {
  return `${String(position)} ${names}`;
}

type Target = (args: readonly unknown[]) => unknown;

function targetsOf({ name, owner, kind, member }: Callable): readonly Target[] {
  const apply = (receiver: unknown, method: unknown): Target => {
    if (typeof method !== 'function') throw new Error(`${name} is declared and not there`);
    return (args) => Reflect.apply(method, receiver, args) as unknown;
  };
  if (owner === undefined) return [apply(undefined, rig.exported[name])];
  if (kind === 'method') {
    const receivers = rig.receivers[owner];
    if (receivers === undefined) throw new Error(`the rig has no ${owner}: add one`);
    return receivers.map((receiver) => apply(receiver, Reflect.get(receiver, member)));
  }
  const constructed = rig.exported[owner];
  if (typeof constructed !== 'function') throw new Error(`${owner} is declared and not there`);
  if (kind === 'static') return [apply(constructed, Reflect.get(constructed, member))];
  return [(args) => Reflect.construct(constructed, args) as unknown];
}

/** What is wrong with the answer to one wrong argument; undefined: it was refused as it should be. */
async function faultOf({ name, isAsync }: Callable, target: Target, wrong: WrongArgument): Promise<string | undefined> {
  const right = rig.right[name];
  if (right === undefined) throw new Error(`the rig has no right arguments for ${name}: add them`);
  const args = [...right];
  args[wrong.position] = wrong.spoil(right[wrong.position]);
  let answer: unknown;
  try {
    answer = target(args);
  } catch (error) {
    return isAsync ? `thrown, not rejected: ${String(error)}` : refusalFault(error, wrong.names);
  }
  if (!isAsync) return 'accepted';
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('it hangs'), HANG_MS);
  });
  const settled = Promise.resolve(answer).then(
    () => 'accepted',
    (error: unknown) => refusalFault(error, wrong.names),
  );
  return Promise.race([settled, hang]).finally(() => clearTimeout(timer));
}

function refusalFault(error: unknown, names: string): string | undefined {
  if (!(error instanceof EtcdError)) return `a plain ${String(error)}`;
  if (error.code !== 'invalid-argument') return `${error.code}: ${error.message}`;
  if (error.outcome !== 'not-sent') return `its outcome is ${String(error.outcome)}: ${error.message}`;
  const words = new RegExp(`\\b(?:${names})\\b.* must (?:not )?be |unknown option '(?:${names})'`, 'u');
  return words.test(error.message) ? undefined : `in other words: ${error.message}`;
}
