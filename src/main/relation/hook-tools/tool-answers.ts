/**
 * Reads what the hook tools print as JSON. Pure. An answer of another shape is `hook-tool-failed`; nothing of it is repeated.
 */
import { HookToolError } from '../../../wire/errors.js';
import type { ConfigValue, NetworkInfo, SecretInfo } from '../backend.js';

/** A tool's stdout as JSON; nothing printed is `null`, as older Jujus do for a missing value. */
export function jsonAnswer(tool: string, stdout: string): unknown {
  if (stdout.trim() === '') return null;
  try {
    return JSON.parse(stdout);
  } catch {
    throw malformed(tool, 'JSON');
  }
}

export function textList(tool: string, answer: unknown): readonly string[] {
  if (answer === null) return [];
  if (!Array.isArray(answer) || !answer.every((item) => typeof item === 'string'))
    throw malformed(tool, 'a list of texts');
  return answer;
}

export function optionalText(tool: string, answer: unknown): string | undefined {
  if (answer === null || answer === '') return undefined;
  if (typeof answer !== 'string') throw malformed(tool, 'a text');
  return answer;
}

/** A map of texts without the empty ones. */
export function textMap(tool: string, answer: unknown): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of fieldsOf(tool, answer)) {
    if (typeof value !== 'string') throw malformed(tool, 'a map of texts');
    if (value !== '') found.set(key, value);
  }
  return found;
}

export function configMap(tool: string, answer: unknown): ReadonlyMap<string, ConfigValue> {
  const found = new Map<string, ConfigValue>();
  for (const [key, value] of fieldsOf(tool, answer)) {
    if (value !== null && typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      throw malformed(tool, 'a map of options');
    found.set(key, value);
  }
  return found;
}

export function truth(tool: string, answer: unknown): boolean {
  if (typeof answer !== 'boolean') throw malformed(tool, 'true or false');
  return answer;
}

/** The `network-get` of any Juju: newer ones say `value` where older ones said `address`. */
export function network(tool: string, answer: unknown): NetworkInfo {
  const fields = new Map(fieldsOf(tool, answer));
  const bindAddresses = listOf(fields.get('bind-addresses')).flatMap((entry) =>
    listOf(fieldOf(entry, 'addresses')).flatMap((address) => {
      const text = [fieldOf(address, 'value'), fieldOf(address, 'address'), fieldOf(address, 'hostname')].find(
        (candidate) => typeof candidate === 'string' && candidate !== '',
      );
      return typeof text === 'string' ? [text] : [];
    }),
  );
  return {
    bindAddresses,
    ingressAddresses: textList(tool, fields.get('ingress-addresses') ?? null),
    egressSubnets: textList(tool, fields.get('egress-subnets') ?? null),
  };
}

/** The first secret of a `secret-info-get`. */
export function secretInfoOf(tool: string, answer: unknown): SecretInfo | undefined {
  const [first] = fieldsOf(tool, answer);
  if (first === undefined) return undefined;
  const [id, info] = first;
  const [revision, label, owner] = [fieldOf(info, 'revision'), fieldOf(info, 'label'), fieldOf(info, 'owner')];
  if (typeof revision !== 'number') throw malformed(tool, 'what a secret is');
  return {
    id: id.startsWith('secret:') ? id : `secret:${id}`,
    revision,
    label: typeof label === 'string' && label !== '' ? label : undefined,
    owner: owner === 'unit' ? 'unit' : 'application',
  };
}

function fieldsOf(tool: string, answer: unknown): [string, unknown][] {
  if (answer === null) return [];
  if (typeof answer !== 'object' || Array.isArray(answer)) throw malformed(tool, 'a map');
  return Object.entries(answer);
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function malformed(tool: string, expected: string): HookToolError {
  return new HookToolError(`${tool} did not print ${expected}`, tool, 0, {
    code: 'hook-tool-failed',
    outcome: 'unknown',
  });
}
