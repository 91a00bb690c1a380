/**
 * Juju by its hook tools: the backend of a charm that runs. Main thread. One child process for each call, one at a time, in order;
 * what was read is remembered for this hook until it is written. Each member of a relation is named in every call, because tools
 * that have to guess read something else in some hooks.
 */
import { EtcdError } from '../../../wire/errors.js';
import { checkOptions, integerRule, objectRule } from '../../../wire/arguments.js';
import { performanceNow } from '../../../wire/timers.js';
import type {
  ConfigValue,
  Databag,
  DatabagChange,
  HookContext,
  JujuBackend,
  LogLevel,
  NetworkInfo,
  NewSecretContent,
  SecretContent,
  SecretInfo,
  SecretOptions,
  SecretRef,
  SecretRevision,
  WorkloadStatus,
} from '../backend.js';
import { checkCall } from '../backend-checks.js';
import { hideValues } from '../hidden-secrets.js';
import { peerAddressesOf } from '../peer-addresses.js';
import { hookContext } from './hook-environment.js';
import { runTool, type ToolCall, type ToolSettings } from './run-tool.js';
import { withSecretFiles } from './secret-files.js';
import { settingsFile } from './settings-file.js';
import * as answers from './tool-answers.js';
import { refusalOf, type CallSubject } from './tool-refusal.js';

/** Options of {@link hookTools}. */
export interface HookToolOptions {
  /** The hook's environment. Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** How long one tool may take before it is killed. Default: 60,000. */
  readonly timeoutMs?: number | undefined;
  /** How much one tool may print. Default: 32 MiB, twice Juju's limit of a databag. */
  readonly maxOutputBytes?: number | undefined;
}

/** Juju promises 30 s from when it was asked. */
const LEADERSHIP_MS = 20_000;
/** Juju takes 128 KiB in one argument. */
const MAX_LOG_BYTES = 120 * 1024;
const RELATION_ID = /^(?:[a-zA-Z0-9][\w-]*:)?\d+$/u;
const MEMBER = /^[a-z][a-z0-9-]*(?:\/\d+)?$/u;

/**
 * The hook that this process is.
 *
 * @throws EtcdError `hook-tool-missing` where this is no hook of Juju, `invalid-argument` for options.
 */
export function hookTools(options: HookToolOptions = {}): JujuBackend {
  checkOptions<HookToolOptions>(
    options,
    { env: objectRule, timeoutMs: integerRule(1, 3_600_000), maxOutputBytes: integerRule(1, 2 ** 30) },
    'hookTools',
  );
  const env = options.env ?? process.env;
  return new HookTools(hookContext(env), {
    env,
    timeoutMs: options.timeoutMs ?? 60_000,
    maxOutputBytes: options.maxOutputBytes ?? 32 * 2 ** 20,
  });
}

class HookTools implements JujuBackend {
  readonly context: HookContext;
  readonly #settings: ToolSettings;
  readonly #cache = new Map<string, Promise<unknown>>();
  #tail: Promise<unknown> = Promise.resolve();
  #leaderUntilMs = 0;

  constructor(context: HookContext, settings: ToolSettings) {
    this.context = context;
    this.#settings = settings;
  }

  async relationIds(endpoint: string): Promise<readonly string[]> {
    checkCall('relationIds', endpoint);
    return this.#cached(`ids ${endpoint}`, async () =>
      answers.textList('relation-ids', await this.#json('relation-ids', [endpoint])),
    );
  }

  async relationUnits(relationId: string): Promise<readonly string[]> {
    checkCall('relationUnits', relationId);
    checkRelation(relationId);
    return this.#cached(`units ${relationId}`, async () =>
      answers.textList('relation-list', await this.#json('relation-list', ['-r', relationId])),
    );
  }

  async relationApp(relationId: string): Promise<string | undefined> {
    checkCall('relationApp', relationId);
    checkRelation(relationId);
    const hook = this.context.relation;
    if (hook?.relationId === relationId && hook.remoteApp !== undefined) return hook.remoteApp;
    return this.#cached(`app ${relationId}`, async () =>
      answers.optionalText('relation-list', await this.#json('relation-list', ['-r', relationId, '--app'])),
    );
  }

  async relationModel(relationId: string): Promise<string | undefined> {
    checkCall('relationModel', relationId);
    checkRelation(relationId);
    return this.#cached(`model ${relationId}`, async () => {
      try {
        const answer = await this.#json('relation-model-get', ['-r', relationId]);
        return answers.textMap('relation-model-get', answer).get('uuid');
      } catch (error) {
        if (error instanceof EtcdError && error.code === 'hook-tool-missing') return undefined;
        throw error;
      }
    });
  }

  async readDatabag(relationId: string, member: string): Promise<Databag> {
    checkCall('readDatabag', relationId, member);
    checkRelation(relationId);
    if (!MEMBER.test(member)) throw notFound(`'${member}' names no unit and no application`);
    const args = ['-r', relationId, ...(member.includes('/') ? [] : ['--app']), '-', member];
    return this.#cached(`bag ${relationId} ${member}`, async () =>
      answers.textMap(
        'relation-get',
        await this.#json('relation-get', args, { ownApplication: member === this.context.app }),
      ),
    );
  }

  async writeDatabag(relationId: string, bag: 'unit' | 'app', change: DatabagChange): Promise<void> {
    checkCall('writeDatabag', relationId, bag, change);
    checkRelation(relationId);
    const member = bag === 'app' ? this.context.app : this.context.unit;
    this.#forget((key) => key.startsWith('bag ') && key.endsWith(` ${member}`));
    const args = ['-r', relationId, ...(bag === 'app' ? ['--app'] : []), '--file', '-'];
    await this.#run(
      { tool: 'relation-set', args, stdin: settingsFile(change), secrets: valuesOf(change) },
      { ownApplication: bag === 'app' },
    );
  }

  async isLeader(): Promise<boolean> {
    const nowMs = performanceNow();
    if (nowMs < this.#leaderUntilMs) return true;
    const leads = answers.truth('is-leader', await this.#json('is-leader', []));
    if (leads) this.#leaderUntilMs = nowMs + LEADERSHIP_MS;
    return leads;
  }

  async config(): Promise<ReadonlyMap<string, ConfigValue>> {
    return this.#cached('config', async () =>
      answers.configMap('config-get', await this.#json('config-get', ['--all'])),
    );
  }

  async setStatus(
    status: WorkloadStatus,
    message: string,
    options?: { readonly application?: boolean },
  ): Promise<void> {
    checkCall('setStatus', status, message, options);
    const application = options?.application === true;
    const args = [...(application ? ['--application=true'] : []), status, '--', message];
    await this.#run({ tool: 'status-set', args }, { ownApplication: application });
  }

  async setApplicationVersion(version: string): Promise<void> {
    checkCall('setApplicationVersion', version);
    await this.#run({ tool: 'application-version-set', args: ['--', version] });
  }

  async log(level: LogLevel, message: string): Promise<void> {
    checkCall('log', level, message);
    const bytes = Buffer.from(message);
    const cut = bytes.length > MAX_LOG_BYTES ? `${bytes.subarray(0, MAX_LOG_BYTES).toString('utf8')}…` : message;
    await this.#run({ tool: 'juju-log', args: ['-l', level, '--', cut] });
  }

  async networkInfo(endpoint: string, relationId?: string): Promise<NetworkInfo> {
    checkCall('networkInfo', endpoint, relationId);
    if (relationId !== undefined) checkRelation(relationId);
    const args = [...(relationId === undefined ? [] : ['-r', relationId]), endpoint];
    return this.#cached(`network ${args.join(' ')}`, async () =>
      answers.network('network-get', await this.#json('network-get', args)),
    );
  }

  async peerAddresses(endpoint: string): Promise<ReadonlyMap<string, string>> {
    checkCall('peerAddresses', endpoint);
    return peerAddressesOf(this, endpoint);
  }

  async readLeaderSettings(): Promise<Databag> {
    return this.#cached('leader settings', async () =>
      answers.textMap('leader-get', await this.#json('leader-get', ['-'])),
    );
  }

  async readState(): Promise<Databag> {
    return this.#cached('state', async () => answers.textMap('state-get', await this.#json('state-get', [])));
  }

  async writeState(change: DatabagChange): Promise<void> {
    checkCall('writeState', change);
    this.#forget((key) => key === 'state');
    const deleted = Object.keys(change).filter((key) => (change[key] ?? '') === '');
    const kept = Object.fromEntries(Object.entries(change).filter(([key]) => !deleted.includes(key)));
    if (Object.keys(kept).length > 0)
      await this.#run({ tool: 'state-set', args: ['--file', '-'], stdin: settingsFile(kept), secrets: valuesOf(kept) });
    for (const key of deleted) await this.#run({ tool: 'state-delete', args: ['--', key] });
  }

  async addSecret(content: NewSecretContent, options: SecretOptions = {}): Promise<string> {
    checkCall('addSecret', content, options);
    const { label, description, owner = 'application' } = options;
    const flags = [
      ...(label === undefined ? [] : ['--label', label]),
      ...(description === undefined ? [] : ['--description', description]),
      ...['--owner', owner],
    ];
    const stdout = await this.#withContent(
      content,
      'secret-add',
      (files) => [...flags, ...files],
      owner === 'application',
    );
    const id = stdout.trim();
    if (!/^secret:\S+$/u.test(id)) throw new EtcdError('secret-add did not print an id', { code: 'hook-tool-failed' });
    return id;
  }

  async readSecret(ref: SecretRef, revision: SecretRevision = 'tracked'): Promise<SecretContent> {
    checkCall('readSecret', ref, revision);
    const how = revision === 'tracked' ? [] : [revision === 'peek' ? '--peek' : '--refresh'];
    return hideValues(answers.textMap('secret-get', await this.#json('secret-get', [...refArgs(ref), ...how])));
  }

  async writeSecret(id: string, content: NewSecretContent): Promise<void> {
    checkCall('writeSecret', id, content);
    checkSecretId(id);
    await this.#withContent(content, 'secret-set', (files) => [id, ...files], false);
  }

  async secretInfo(ref: SecretRef): Promise<SecretInfo | undefined> {
    checkCall('secretInfo', ref);
    try {
      const answer = await this.#json('secret-info-get', refArgs(ref));
      return answers.secretInfoOf('secret-info-get', answer);
    } catch (error) {
      // Only owners may ask, and of what is not one's own there is nothing to tell.
      if (error instanceof EtcdError && ['secret-not-found', 'secret-denied'].includes(error.code)) return undefined;
      throw error;
    }
  }

  async grantSecret(id: string, relationId: string, unit?: string): Promise<void> {
    checkCall('grantSecret', id, relationId, unit);
    await this.#share('secret-grant', id, relationId, unit);
  }

  async revokeSecret(id: string, relationId: string, unit?: string): Promise<void> {
    checkCall('revokeSecret', id, relationId, unit);
    await this.#share('secret-revoke', id, relationId, unit);
  }

  async removeSecret(id: string, revision?: number): Promise<void> {
    checkCall('removeSecret', id, revision);
    checkSecretId(id);
    const args = revision === undefined ? [id] : [id, '--revision', String(revision)];
    await this.#run({ tool: 'secret-remove', args });
  }

  async secretIds(): Promise<readonly string[]> {
    const ids = answers.textList('secret-ids', await this.#json('secret-ids', []));
    return ids.map((id) => (id.startsWith('secret:') ? id : `secret:${id}`)).sort();
  }

  async #share(tool: string, id: string, relationId: string, unit: string | undefined): Promise<void> {
    checkSecretId(id);
    checkRelation(relationId);
    if (unit !== undefined && !MEMBER.test(unit)) throw notFound(`'${unit}' names no unit`);
    await this.#run({ tool, args: [id, '-r', relationId, ...(unit === undefined ? [] : ['--unit', unit])] });
  }

  #withContent(
    content: NewSecretContent,
    tool: string,
    args: (files: readonly string[]) => readonly string[],
    ownApplication: boolean,
  ): Promise<string> {
    return withSecretFiles(content, (files) =>
      this.#run({ tool, args: args(files), secrets: Object.values(content) }, { ownApplication }),
    );
  }

  async #json(tool: string, args: readonly string[], subject?: CallSubject): Promise<unknown> {
    return answers.jsonAnswer(tool, await this.#run({ tool, args: ['--format=json', ...args] }, subject));
  }

  /** One tool at a time: the agent would make them wait for each other anyway, and the order of writes must be ours. */
  async #run(call: ToolCall, subject?: CallSubject): Promise<string> {
    const turn = this.#tail.then(() => runTool(call, this.#settings));
    this.#tail = turn.catch(() => undefined);
    try {
      return await turn;
    } catch (error) {
      throw refusalOf(error, subject);
    }
  }

  /** Remembers an answer, but not a failure. */
  #cached<T>(key: string, read: () => Promise<T>): Promise<T> {
    // The key names what `read` answers, so the type is that of the promise that was put there.
    const known = this.#cache.get(key) as Promise<T> | undefined;
    if (known !== undefined) return known;
    const answer = read();
    this.#cache.set(key, answer);
    answer.catch(() => {
      if (this.#cache.get(key) === answer) this.#cache.delete(key);
    });
    return answer;
  }

  #forget(which: (key: string) => boolean): void {
    for (const key of this.#cache.keys()) if (which(key)) this.#cache.delete(key);
  }
}

function refArgs(ref: SecretRef): string[] {
  if (ref.id !== undefined) checkSecretId(ref.id);
  return [...(ref.id === undefined ? [] : [ref.id]), ...(ref.label === undefined ? [] : ['--label', ref.label])];
}

function valuesOf(change: DatabagChange): string[] {
  return Object.values(change).filter((value) => value !== null);
}

/** Nothing that could be taken for an option reaches a tool. */
function checkRelation(relationId: string): void {
  if (!RELATION_ID.test(relationId)) throw notFound(`'${relationId}' is not a relation's id`);
}

function checkSecretId(id: string): void {
  if (!/^(?:secret:)?[\w/.:-]*\w$/u.test(id) || id.startsWith('-'))
    throw new EtcdError(`'${id}' is not a secret's id`, { code: 'secret-not-found', outcome: 'not-sent' });
}

function notFound(message: string): EtcdError {
  return new EtcdError(message, { code: 'relation-not-found', outcome: 'not-sent' });
}
