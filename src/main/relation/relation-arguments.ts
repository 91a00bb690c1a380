/** Rules for arguments that several functions of the relation layer take. Main thread; pure. Messages hold no content of them. */
import {
  arrayRule,
  booleanRule,
  choiceRule,
  describeKind,
  describeValue,
  fieldsRule,
  invalidOption,
  methodsRule,
  stringRule,
  textRule,
  type OptionRule,
} from '../../wire/arguments.js';
import type { CheckedBundle } from './pem.js';
import type { EndpointDeclaration, EtcdConnectionInfo, RelationTls } from './relation-endpoint.js';

/** A hook as `hookTools()` and `JujuModel` give it. */
export const backendRule: OptionRule = methodsRule(
  'a backend',
  'relationIds',
  'relationUnits',
  'readDatabag',
  'readState',
);

/** An endpoint of this package, or one like it. */
export const endpointRule: OptionRule = methodsRule('an endpoint', 'refresh', 'commit');

export const endpointNameRule: OptionRule = (value, name) => {
  if (typeof value === 'string' && /^[A-Za-z][\w-]*$/u.test(value)) return;
  const got = typeof value === 'string' && value !== '' ? `'${value}'` : describeValue(value);
  throw invalidOption(`${name} must be the endpoint's name in the charm's metadata, not ${got}`);
};

export const declarationRule: OptionRule = fieldsRule<EndpointDeclaration>(
  { name: endpointNameRule, role: choiceRule('requires', 'provides', 'peers'), interface: textRule },
  ['name', 'role', 'interface'],
);

/** What is no text is a mistake of the program; text that is no PEM is for `pem.ts` to refuse. */
export const pemTextRule: OptionRule = (value, name) => {
  if (typeof value !== 'string') throw invalidOption(`${name} must be PEM text, not ${describeKind(value)}`);
};

const anything: OptionRule = () => undefined;

/** Parts of a bundle; what `readCredentialFiles` gave can be handed on, with its `expiresAt`. */
export function bundleRule(partRule: OptionRule, required: readonly ('key' | 'cert' | 'ca')[]): OptionRule {
  return fieldsRule<CheckedBundle>({ key: partRule, cert: partRule, ca: partRule, expiresAt: anything }, required);
}

export const connectionRule: OptionRule = fieldsRule<EtcdConnectionInfo>(
  {
    endpoints: arrayRule('endpoints', textRule),
    version: stringRule,
    tls: fieldsRule<RelationTls>({ ca: pemTextRule, cert: pemTextRule, key: pemTextRule }, ['ca']),
    isComplete: booleanRule,
    username: stringRule,
    source: fieldsRule<EtcdConnectionInfo['source']>(
      {
        protocol: choiceRule('etcd', 'etcd_client/v0', 'etcd_client/v1'),
        relationId: textRule,
        member: textRule,
      },
      ['protocol', 'relationId', 'member'],
    ),
  },
  ['endpoints', 'isComplete', 'source'],
);
