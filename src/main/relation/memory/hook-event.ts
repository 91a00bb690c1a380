/**
 * A hook that waits for its unit in a model in memory, and the context that it runs in. Main thread; pure.
 */
import type { HookContext, RelationPhase } from '../backend.js';
import { appOf } from './topology.js';

/** A hook to come. */
export interface HookEvent {
  readonly unit: string;
  /** `install`, `update-status`, …; of a relation's hook the whole name, such as `etcd-relation-joined`. */
  readonly hook: string;
  readonly relation?: {
    readonly number: number;
    readonly phase: RelationPhase;
    /** The local endpoint. */
    readonly endpoint: string;
    readonly remoteApp: string;
    readonly remoteUnit?: string | undefined;
    readonly departingUnit?: string | undefined;
  };
  readonly secret?: {
    readonly id: string;
    readonly label: string | undefined;
    readonly revision: number | undefined;
  };
}

/** What of a hook's context is the model's and not the event's. */
export interface ModelIdentity {
  readonly modelUuid: string;
  readonly jujuVersion: string;
  readonly charmDir: string | undefined;
}

/** The context of a hook, as its environment would have it. */
export function contextOf(event: HookEvent, identity: ModelIdentity): HookContext {
  const { relation, secret } = event;
  return {
    hook: event.hook,
    action: undefined,
    unit: event.unit,
    app: appOf(event.unit),
    relation: relation && {
      phase: relation.phase,
      endpoint: relation.endpoint,
      relationId: `${relation.endpoint}:${String(relation.number)}`,
      remoteUnit: relation.remoteUnit,
      remoteApp: relation.remoteApp,
      departingUnit: relation.departingUnit,
    },
    secret: secret && { id: `secret:${secret.id}`, label: secret.label, revision: secret.revision },
    ...identity,
  };
}
