/**
 * Patterns of hook names, as charms.reactive has them. Pure.
 *
 * `{requires:etcd}` stands for every endpoint that requires the interface etcd, `{joined,changed}` for each of the names, and
 * `{relation_name}` for every endpoint that is known. Names are trimmed: `{broken, departed}` means both, where charms.reactive
 * never matches the second, so that charms believed to react to departing units did not.
 */
import type { EndpointDeclaration } from './relation-endpoint.js';
import { invalidOption } from '../../wire/arguments.js';

const ROLES: readonly string[] = ['requires', 'provides', 'peers'];

/**
 * The hook names that a pattern stands for; none when no endpoint fits.
 *
 * @throws EtcdError `invalid-argument` for braces that do not match and for a role that metadata does not have.
 */
export function expandHookPattern(pattern: string, endpoints: readonly EndpointDeclaration[]): string[] {
  let names = [''];
  for (const part of pattern.split(/(\{[^{}]*\})/u)) {
    const choices =
      part.startsWith('{') && part.endsWith('}')
        ? choicesOf(part.slice(1, -1), pattern, endpoints)
        : [literal(part, pattern)];
    names = names.flatMap((name) => choices.map((choice) => name + choice));
  }
  return names;
}

function literal(part: string, pattern: string): string {
  if (/[{}]/u.test(part)) throw invalidOption(`hook pattern '${pattern}': a brace has no partner`);
  return part;
}

function choicesOf(inner: string, pattern: string, endpoints: readonly EndpointDeclaration[]): readonly string[] {
  if (inner.trim() === 'relation_name') return endpoints.map(({ name }) => name);
  const [role, name, ...rest] = inner.split(':').map((part) => part.trim());
  if (name === undefined) return inner.split(',').map((choice) => choice.trim());
  if (role === undefined || !ROLES.includes(role) || rest.length > 0)
    throw invalidOption(
      `hook pattern '${pattern}': '{${inner}}' must be {role:interface} with the role ${ROLES.join(', ')}`,
    );
  return endpoints
    .filter((endpoint) => endpoint.role === role && endpoint.interface === name)
    .map((found) => found.name);
}
