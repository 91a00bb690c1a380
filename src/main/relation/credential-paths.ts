/** Where credentials are kept as files and who may read them: the options, and how they are checked. Main thread; pure. */
import {
  describeValue,
  fieldsRule,
  integerRule,
  invalidOption,
  type OptionRule,
  type OptionTable,
} from '../../wire/arguments.js';

/** Where the three files are. A path may be relative to the working directory; the three must differ. */
export interface CredentialPaths {
  readonly keyPath: string;
  readonly certPath: string;
  readonly caPath: string;
}

/** Who may read the files. */
export interface CredentialFileOptions {
  /** Mode of the certificate and the authorities' file: 0o600 (default) or 0o644. The key is always 0600. */
  readonly certMode?: 0o600 | 0o644 | undefined;
  /** User and group that shall own the files and the folders made for them; needs the rights to give them away. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

export const pathRule: OptionRule = (value, name) => {
  if (typeof value === 'string' && value !== '' && !value.includes('\0') && !value.endsWith('/')) return;
  throw invalidOption(`${name} must be the path of a file, not ${pathKind(value)}`);
};

export const PATH_RULES: OptionTable<CredentialPaths> = { keyPath: pathRule, certPath: pathRule, caPath: pathRule };
export const PATHS: readonly (keyof CredentialPaths)[] = ['keyPath', 'certPath', 'caPath'];

const modeRule: OptionRule = (value, name) => {
  if (value !== 0o600 && value !== 0o644)
    throw invalidOption(`${name} must be 0o600 or 0o644, not ${describeValue(value)}`);
};
const idRule = integerRule(0, 2 ** 32 - 2);

export const ACCESS_RULES: OptionTable<CredentialFileOptions> = {
  certMode: modeRule,
  owner: fieldsRule<NonNullable<CredentialFileOptions['owner']>>({ uid: idRule, gid: idRule }, ['uid', 'gid']),
};

function pathKind(value: unknown): string {
  if (typeof value !== 'string' || value === '') return describeValue(value);
  return value.endsWith('/') ? 'that of a folder' : 'text with a NUL';
}
