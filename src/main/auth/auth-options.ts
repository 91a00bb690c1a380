/**
 * The option `auth` of connect: who the engine is to a cluster that has authentication on. Main thread. Reads the password file;
 * contacts nothing. No name, password or token is ever put into a message, only option names and paths.
 */
import { readFile } from 'node:fs/promises';
import {
  checkFields,
  describeKind,
  invalidOption,
  objectRule,
  textRule,
  type OptionRule,
  type OptionTable,
} from '../../wire/arguments.js';
import type { EtcdError } from '../../wire/errors.js';
import type { Login } from '../../wire/shard-auth.js';
import { isToken } from '../../member/authenticate.js';

/** A user of etcd with a password, or a token that was issued elsewhere. */
export interface AuthCredentials {
  /** The user's name; needs a password. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** A token, sent as it is; instead of a user. */
  readonly token?: string | undefined;
}

/** {@link AuthCredentials}, where the password may stand in a file. */
export interface AuthOptions extends AuthCredentials {
  /** A file that holds the password, in one line. It is read again when it changes. */
  readonly passwordFile?: string | undefined;
}

/**
 * Gives what to log in with. Called when the first token is needed, and again when the server has refused what it gave last:
 * `refusal` is how. A user's token that has run out is renewed without asking.
 */
export type AuthFunction = (refusal: EtcdError | undefined) => AuthCredentials | Promise<AuthCredentials>;

/** The option, checked and read. */
export type ResolvedAuth =
  | { readonly kind: 'login'; readonly login: Login; readonly passwordFile: string | undefined }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'function'; readonly ask: AuthFunction };

/** As textRule, but of what is refused nothing is shown, numbers neither. */
const secretRule: OptionRule = (value, name) => {
  if (typeof value !== 'string' || value === '')
    throw invalidOption(`${name} must be a string that is not empty, not ${describeKind(value)}`);
};

const tokenRule: OptionRule = (value, name) => {
  secretRule(value, name);
  if (!isToken(String(value))) throw invalidOption(`${name} must be of printable ASCII without spaces`);
};

const CREDENTIAL_RULES: OptionTable<AuthCredentials> = {
  username: secretRule,
  password: secretRule,
  token: tokenRule,
};

const AUTH_RULES: OptionTable<AuthOptions> = { ...CREDENTIAL_RULES, passwordFile: textRule };

/** Checks names and types, and that what belongs together is there. */
export const authRule: OptionRule = (value, name) => {
  if (typeof value === 'function') return;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidOption(`${name} must be an object or a function, not ${describeKind(value)}`);
  checkFields<AuthOptions>(value, AUTH_RULES, name);
  checkTogether(value, name);
};

/**
 * Reads the password's file.
 *
 * @throws EtcdError `invalid-argument` naming the option, and the path where a file is meant.
 */
export async function resolveAuth(given: AuthOptions | AuthFunction, what: string): Promise<ResolvedAuth> {
  if (typeof given === 'function') return { kind: 'function', ask: given };
  const { passwordFile } = given;
  if (passwordFile === undefined) return credentialsOf(given);
  const login = { username: given.username ?? '', password: await readPassword(passwordFile, what) };
  return { kind: 'login', login, passwordFile };
}

/**
 * What the application's function gave.
 *
 * @throws EtcdError `invalid-argument`.
 */
export function checkGiven(value: unknown): Exclude<ResolvedAuth, { readonly kind: 'function' }> {
  const name = 'auth: what the function gives';
  objectRule(value, name);
  checkFields<AuthCredentials>(value, CREDENTIAL_RULES, name);
  checkTogether(value, name);
  return credentialsOf(value);
}

/** Whether both say the same to the server. */
export function sameAuth(left: ResolvedAuth | undefined, right: ResolvedAuth | undefined): boolean {
  switch (left?.kind) {
    case undefined:
      return right === undefined;
    case 'token':
      return right?.kind === 'token' && left.token === right.token;
    case 'function':
      return right?.kind === 'function' && left.ask === right.ask;
    case 'login':
      return (
        right?.kind === 'login' &&
        left.login.username === right.login.username &&
        left.login.password === right.login.password
      );
    default:
      return left satisfies never;
  }
}

/** @throws EtcdError `invalid-argument`. */
export async function readPassword(path: string, what: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw invalidOption(`${what}: auth.passwordFile '${path}' cannot be read: ${code}`, error);
  }
  // The line's end is not part of it; anything else may be.
  const password = text.replace(/\r?\n$/u, '');
  if (password === '') throw invalidOption(`${what}: auth.passwordFile '${path}' is empty`);
  return password;
}

function credentialsOf({ username, password, token }: AuthCredentials): Exclude<ResolvedAuth, { kind: 'function' }> {
  if (token !== undefined) return { kind: 'token', token };
  return { kind: 'login', login: { username: username ?? '', password: password ?? '' }, passwordFile: undefined };
}

function checkTogether(given: AuthOptions, name: string): void {
  const { username, password, passwordFile, token } = given;
  if (token !== undefined) {
    if (username !== undefined || password !== undefined || passwordFile !== undefined)
      throw invalidOption(`${name}: a token and a user are both given; give one of them`);
    return;
  }
  if (password !== undefined && passwordFile !== undefined)
    throw invalidOption(`${name}: password and passwordFile are both given; give one of them`);
  const hasPassword = password !== undefined || passwordFile !== undefined;
  if (username === undefined)
    throw invalidOption(
      hasPassword ? `${name}: a password is given without username` : `${name} must have a username or a token`,
    );
  if (!hasPassword) throw invalidOption(`${name}: username is given without password or passwordFile`);
}
