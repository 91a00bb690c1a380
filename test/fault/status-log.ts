/** Everything an engine tells of its state, from the moment it is asked for. Tests only. */
import type { EngineStatus, Etcd } from 'etcd-vigil';

export class StatusLog {
  readonly all: EngineStatus[] = [];

  constructor(etcd: Etcd) {
    // Taken now, not when the loop first runs: what is told in between would be missed.
    const changes = etcd.status[Symbol.asyncIterator]();
    void (async () => {
      for (let next = await changes.next(); next.done !== true; next = await changes.next()) this.all.push(next.value);
    })();
  }

  of<Type extends EngineStatus['type']>(type: Type): Extract<EngineStatus, { readonly type: Type }>[] {
    // The filter is what the type says.
    return this.all.filter((status) => status.type === type) as Extract<EngineStatus, { readonly type: Type }>[];
  }

  has(type: EngineStatus['type']): boolean {
    return this.of(type).length > 0;
  }
}
