import { describe, expect, it } from 'vitest';
import {
  EtcdRequires,
  JujuModel,
  Reactive,
  type Charm,
  type EndpointEvent,
  type JujuBackend,
  type RelationEndpoint,
} from '../../../../src/main/relation/index.js';

/** Runs one hook of a lonely unit. */
async function hook(model: JujuModel, name: string, charm: Charm): Promise<void> {
  model.fire('client/0', name);
  await model.run(charm);
}

async function lonely(): Promise<JujuModel> {
  const model = new JujuModel();
  model.deploy('client');
  await model.settle();
  return model;
}

describe('the order of handlers', () => {
  it('is hooks, then every handler whose condition holds, then those whose flags changed', async () => {
    const model = await lonely();
    const ran: string[] = [];
    await hook(model, 'update-status', async (backend) => {
      const reactive = new Reactive(backend);
      reactive
        .whenNot('a', () => {
          ran.push('not a');
          reactive.setFlag('a');
          reactive.setFlag('b');
        })
        .when(['a', 'b'], () => void ran.push('a and b'))
        .whenNot('z', () => void ran.push('not z'))
        .whenAny(['b', 'z'], () => void ran.push('b or z'))
        .hook('config-changed', () => void ran.push('other hook'))
        .hook('update-status', () => void ran.push('hook'));
      await reactive.dispatch();
    });
    expect(ran).toEqual(['hook', 'not a', 'not z', 'a and b', 'b or z']);
  });

  it('runs every handler whose condition holds in every hook, also when nothing changed', async () => {
    const model = await lonely();
    let runs = 0;
    for (let count = 0; count < 3; count += 1) {
      await hook(model, 'update-status', async (backend) => {
        const reactive = new Reactive(backend);
        reactive.when('mine', () => void (runs += 1)).hook('update-status', () => reactive.setFlag('mine'));
        await reactive.dispatch();
      });
    }
    expect(runs).toBe(3);
  });

  it('counts a flag that is set from the next round, and tests the rest of a round again when one is cleared', async () => {
    const model = await lonely();
    const ran: string[] = [];
    await hook(model, 'update-status', async (backend) => {
      const reactive = new Reactive(backend);
      reactive
        .hook('update-status', () => ['on', 'rest'].forEach((flag) => reactive.setFlag(flag)))
        .when('on', () => {
          ran.push('first');
          reactive.clearFlag('rest');
          reactive.setFlag('late');
        })
        .when('late', () => void ran.push('late'))
        .when('rest', () => void ran.push('rest'))
        .whenNot('rest', () => void ran.push('no rest'));
      await reactive.dispatch();
    });
    expect(ran).toEqual(['first', 'late', 'no rest']);
  });

  it('ends after a hundred rounds, and says so', async () => {
    const model = await lonely();
    let runs = 0;
    await hook(model, 'update-status', async (backend) => {
      const reactive = new Reactive(backend);
      const turn = (): void => {
        runs += 1;
        if (reactive.isFlagSet('x')) reactive.clearFlag('x');
        else reactive.setFlag('x');
      };
      await reactive.when('x', turn).whenNot('x', turn).dispatch();
    });
    expect(runs).toBe(100);
    expect(model.unit('client/0').log).toEqual([
      { level: 'WARNING', message: expect.stringContaining('100 rounds') as string },
    ]);
  });

  it('has only handlers of hooks where Juju allows little else', async () => {
    const model = await lonely();
    const ran: string[] = [];
    await hook(model, 'collect-metrics', async (backend) => {
      await new Reactive(backend)
        .whenNot('a', () => void ran.push('condition'))
        .hook('collect-metrics', () => void ran.push('hook'))
        .dispatch();
    });
    expect(ran).toEqual(['hook']);
  });

  it('waits for each handler, and stops at the first that throws', async () => {
    const model = await lonely();
    const ran: string[] = [];
    model.fire('client/0', 'update-status');
    const failing: Charm = async (backend) => {
      const reactive = new Reactive(backend);
      reactive
        .hook('update-status', async () => {
          await new Promise((resolve) => setImmediate(resolve));
          ran.push('one');
          reactive.setFlag('kept');
        })
        .when('kept', () => {
          throw new Error('refused');
        })
        .when('kept', () => void ran.push('never'));
      await reactive.dispatch();
    };
    await expect(model.run(failing)).rejects.toThrow('refused');
    expect(ran).toEqual(['one']);
    expect(model.state('client/0').size).toBe(0);
  });

  it('can be run once', async () => {
    const model = await lonely();
    await hook(model, 'update-status', async (backend) => {
      const reactive = new Reactive(backend);
      await reactive.dispatch();
      await expect(reactive.dispatch()).rejects.toMatchObject({ code: 'invalid-argument' });
    });
  });
});

describe('flags', () => {
  it('of the charm stay set in later hooks, until they are cleared', async () => {
    const model = await lonely();
    const seen: boolean[] = [];
    const step = async (change: (reactive: Reactive) => void): Promise<void> =>
      hook(model, 'update-status', async (backend) => {
        const reactive = new Reactive(backend);
        reactive.hook('update-status', () => {
          seen.push(reactive.isFlagSet('mine'));
          change(reactive);
        });
        await reactive.dispatch();
      });
    await step((reactive) => reactive.setFlag('mine'));
    await step((reactive) => reactive.clearFlag('mine'));
    await step(() => {});
    expect(seen).toEqual([false, true, false]);
    expect(model.state('client/0').size).toBe(0);
  });

  it('of an endpoint cannot be set or cleared', async () => {
    const model = await lonely();
    await hook(model, 'update-status', async (backend) => {
      const reactive = new Reactive(backend, { endpoints: [await EtcdRequires.load(backend, 'etcd')] });
      expect(() => reactive.setFlag('etcd.available')).toThrow(/derived by endpoint 'etcd'/u);
      expect(() => reactive.clearFlag('etcd.connected')).toThrow(/derived by endpoint 'etcd'/u);
      expect(() => reactive.setFlag('')).toThrow(/empty/u);
      expect(() => reactive.handle({}, () => {})).toThrow(/no flag/u);
    });
  });

  it('with {relation_name} make one handler for each endpoint, which is given the name', async () => {
    const model = await lonely();
    const ran: (string | undefined)[] = [];
    await hook(model, 'update-status', async (backend) => {
      const endpoints = [await EtcdRequires.load(backend, 'etcd'), await EtcdRequires.load(backend, 'backup')];
      await new Reactive(backend, { endpoints })
        .whenNot('{relation_name}.connected', (name) => void ran.push(name))
        .dispatch();
    });
    expect(ran).toEqual(['etcd', 'backup']);
  });

  it('that an endpoint changes during the hook count in the next round', async () => {
    const model = await lonely();
    const ran: string[] = [];
    await hook(model, 'update-status', async (backend) => {
      const endpoint = new Switch(backend);
      const reactive = new Reactive(backend, { endpoints: [endpoint] });
      await reactive
        .whenNot('switch.on', () => {
          ran.push('off');
          endpoint.on = true;
        })
        .when('switch.on', () => void ran.push('on'))
        .dispatch();
    });
    expect(ran).toEqual(['off', 'on']);
  });
});

/** An endpoint with one flag that the test turns. */
class Switch implements RelationEndpoint {
  readonly name = 'switch';
  readonly role = 'provides';
  readonly interface = 'switch';
  readonly ownFlags = ['switch.on'];
  readonly events: readonly EndpointEvent[] = [];
  on = false;

  readonly backend: JujuBackend;

  constructor(backend: JujuBackend) {
    this.backend = backend;
  }

  get flags(): ReadonlySet<string> {
    return new Set(this.on ? this.ownFlags : []);
  }

  async refresh(): Promise<void> {}
  async commit(): Promise<void> {}
}
