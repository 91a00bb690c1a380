/**
 * Which hook this process is, from the environment that Juju gives it. Pure.
 */
import { EtcdError } from '../../../wire/errors.js';
import type { HookContext, RelationHook, RelationPhase } from '../backend.js';

const PHASES: readonly RelationPhase[] = ['created', 'joined', 'changed', 'departed', 'broken'];

/** @throws EtcdError `hook-tool-missing` where this is no hook of Juju. */
export function hookContext(env: NodeJS.ProcessEnv): HookContext {
  // Juju exports names that do not apply as empty strings.
  const get = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const unit = get('JUJU_UNIT_NAME');
  if (unit === undefined || !/^[a-z][a-z0-9-]*\/\d+$/u.test(unit))
    throw new EtcdError('JUJU_UNIT_NAME names no unit: this process is not a hook of Juju', {
      code: 'hook-tool-missing',
    });
  const dispatch = get('JUJU_DISPATCH_PATH') ?? '';
  const hook = get('JUJU_HOOK_NAME') ?? (dispatch.startsWith('hooks/') ? dispatch.slice('hooks/'.length) : '');
  const secretId = get('JUJU_SECRET_ID');
  const revision = Number(get('JUJU_SECRET_REVISION') ?? Number.NaN);
  return {
    hook,
    action:
      get('JUJU_ACTION_NAME') ?? (dispatch.startsWith('actions/') ? dispatch.slice('actions/'.length) : undefined),
    unit,
    app: unit.slice(0, unit.indexOf('/')),
    relation: relationHook(hook, get),
    secret:
      secretId === undefined
        ? undefined
        : {
            id: secretId,
            label: get('JUJU_SECRET_LABEL'),
            revision: Number.isInteger(revision) ? revision : undefined,
          },
    modelUuid: get('JUJU_MODEL_UUID'),
    jujuVersion: get('JUJU_VERSION'),
    charmDir: get('JUJU_CHARM_DIR') ?? get('CHARM_DIR'),
  };
}

function relationHook(hook: string, get: (name: string) => string | undefined): RelationHook | undefined {
  const phase = PHASES.find((name) => hook.endsWith(`-relation-${name}`));
  const relationId = get('JUJU_RELATION_ID');
  if (phase === undefined || relationId === undefined) return undefined;
  const endpoint = get('JUJU_RELATION') ?? hook.slice(0, -`-relation-${phase}`.length);
  const remoteUnit = get('JUJU_REMOTE_UNIT');
  return {
    phase,
    endpoint,
    relationId: relationId.includes(':') ? relationId : `${endpoint}:${relationId}`,
    remoteUnit,
    remoteApp: get('JUJU_REMOTE_APP') ?? remoteUnit?.slice(0, remoteUnit.indexOf('/')),
    departingUnit: phase === 'departed' ? (get('JUJU_DEPARTING_UNIT') ?? remoteUnit) : undefined,
  };
}
