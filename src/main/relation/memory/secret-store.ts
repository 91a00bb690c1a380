/**
 * The secrets of a model in memory: revisions, labels, grants, and which revision each consumer tracks. Main thread; pure. Knows no
 * units or leaders: who may do what is asked before.
 */
import type { NewSecretContent, SecretContent, SecretOptions } from '../backend.js';

/** One secret. Copied with the store, so only the store changes it. */
export interface SecretRecord {
  /** Without the scheme. */
  readonly id: string;
  /** An application or a unit. */
  readonly owner: string;
  label: string | undefined;
  revision: number;
  /** By number; removed ones are gone. */
  readonly revisions: Map<number, SecretContent>;
  /** Application or unit, by the number of the relation that the grant hangs on. */
  readonly grants: Map<number, Set<string>>;
  /** By consuming unit. */
  readonly consumers: Map<string, { tracked: number; label: string | undefined }>;
}

/** All secrets of one model. */
export class SecretStore {
  readonly #records = new Map<string, SecretRecord>();

  /** A copy that shares nothing that can change. */
  clone(): SecretStore {
    const copy = new SecretStore();
    for (const record of this.#records.values()) {
      copy.#records.set(record.id, {
        ...record,
        revisions: new Map(record.revisions),
        grants: new Map([...record.grants].map(([relation, members]) => [relation, new Set(members)])),
        consumers: new Map([...record.consumers].map(([unit, consumer]) => [unit, { ...consumer }])),
      });
    }
    return copy;
  }

  all(): readonly SecretRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): SecretRecord | undefined {
    return this.#records.get(id);
  }

  /** By the label that one of these owners gave it. */
  labelled(label: string, owners: readonly string[]): SecretRecord | undefined {
    return this.all().find((record) => record.label === label && owners.includes(record.owner));
  }

  /** By the label that a consumer gave it. */
  consumed(label: string, unit: string): SecretRecord | undefined {
    return this.all().find((record) => record.consumers.get(unit)?.label === label);
  }

  add(id: string, owner: string, content: NewSecretContent, options: SecretOptions): void {
    this.#records.set(id, {
      id,
      owner,
      label: options.label,
      revision: 1,
      revisions: new Map([[1, new Map(Object.entries(content))]]),
      grants: new Map(),
      consumers: new Map(),
    });
  }

  /** The same content again is no new revision. */
  write(id: string, content: NewSecretContent): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    const next = new Map(Object.entries(content));
    const current = record.revisions.get(record.revision);
    if (current?.size === next.size && [...next].every(([key, value]) => current.get(key) === value)) return;
    record.revision += 1;
    record.revisions.set(record.revision, next);
  }

  remove(id: string, revision: number | undefined): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    if (revision !== undefined) record.revisions.delete(revision);
    if (revision === undefined || record.revisions.size === 0) this.#records.delete(id);
  }

  grant(id: string, relation: number, member: string): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    const members = record.grants.get(relation) ?? new Set();
    record.grants.set(relation, members.add(member));
  }

  revoke(id: string, relation: number, member: string): void {
    this.#records.get(id)?.grants.get(relation)?.delete(member);
  }

  /** A relation is gone, and with it every grant that hangs on it. */
  dropRelation(relation: number): void {
    for (const record of this.#records.values()) record.grants.delete(relation);
  }

  /** A unit has read a revision, and may have given the secret a label of its own. */
  track(id: string, unit: string, tracked: number, label: string | undefined): void {
    const record = this.#records.get(id);
    record?.consumers.set(unit, { tracked, label: label ?? record.consumers.get(unit)?.label });
  }
}
