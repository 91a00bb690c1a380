/**
 * The user that a command logs in as: from its flags, then from etcdctl's variables, as etcdctl takes them; a password that is not
 * given is asked for. Passwords are in no message.
 */
import type { AuthOptions } from '../index.js';
import type { Environment } from './environment.js';
import { usageError } from './failure.js';
import { readHiddenLine, type TerminalInput } from './hidden-input.js';
import type { Session } from './session.js';

/** As commander gives them. */
export interface LoginFlags {
  readonly user?: string;
  readonly passwordFile?: string;
}

export type CliLogin =
  | { readonly kind: 'none' }
  | { readonly kind: 'known'; readonly auth: AuthOptions }
  /** The password is to be asked for. */
  | { readonly kind: 'ask'; readonly username: string };

/** The flag that says who to log in as, where one was given. */
export function loginFlag(flags: LoginFlags): string | undefined {
  if (flags.user !== undefined) return '--user';
  return flags.passwordFile === undefined ? undefined : '--password-file';
}

/** @throws EtcdError `invalid-argument`. */
export function loginOf({ user, passwordFile }: LoginFlags, from: Pick<Environment, 'user' | 'password'>): CliLogin {
  const given = user ?? from.user;
  if (given === undefined) {
    if (passwordFile !== undefined) throw usageError('--password-file is given without --user');
    return { kind: 'none' };
  }
  // With a password from elsewhere, a colon belongs to the name.
  if (passwordFile !== undefined) return { kind: 'known', auth: { username: given, passwordFile } };
  if (from.password !== undefined) return { kind: 'known', auth: { username: given, password: from.password } };
  const colon = given.indexOf(':');
  if (colon === -1) return { kind: 'ask', username: given };
  const [username, password] = [given.slice(0, colon), given.slice(colon + 1)];
  const name = user === undefined ? 'ETCDCTL_USER' : '--user';
  if (username === '') throw usageError(`${name} has no name before its colon`);
  if (password === '') throw usageError(`${name} has no password behind its colon`);
  return { kind: 'known', auth: { username, password } };
}

/**
 * What `connect` is given; asks for the password where it is not known.
 *
 * @throws EtcdError `invalid-argument` where there is no terminal to ask at; `aborted`.
 */
export async function authOf(
  login: CliLogin,
  { output, stop }: Session,
  terminal: () => TerminalInput = () => process.stdin,
): Promise<AuthOptions | undefined> {
  switch (login.kind) {
    case 'none':
      return undefined;
    case 'known':
      return login.auth;
    case 'ask': {
      const input = terminal();
      if (input.isTTY !== true)
        throw usageError('the user needs a password: give --password-file, or ETCDCTL_PASSWORD in the environment');
      output.noteRaw(`password of ${login.username}: `);
      const interrupt = (): void => stop.request({ kind: 'signal', name: 'SIGINT' });
      const password = await readHiddenLine(input, stop.signal, interrupt).finally(() => output.noteRaw('\n'));
      if (password === '') throw usageError('no password was given');
      return { username: login.username, password };
    }
    default:
      return login satisfies never;
  }
}
