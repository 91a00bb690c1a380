/**
 * What a hook tool's exit code and error text mean. Pure. The texts are Juju's; what is not known stays `hook-tool-failed`.
 */
import { HookToolError, type EtcdErrorCode } from '../../../wire/errors.js';

/** What the call was about, where the same text means different things. */
export interface CallSubject {
  /** The databag or secret is the local application's, which only its leader may use. */
  readonly ownApplication?: boolean | undefined;
}

/** An error of the tool with the code that fits; other errors as they are. */
export function refusalOf(error: unknown, subject: CallSubject = {}): unknown {
  if (!(error instanceof HookToolError) || error.code !== 'hook-tool-failed' || error.exitCode === undefined)
    return error;
  const code = codeOf(error, subject);
  if (code === 'hook-tool-failed') return error;
  return new HookToolError(error.message, error.tool, error.exitCode, { code, outcome: error.outcome });
}

function codeOf({ tool, exitCode, message }: HookToolError, { ownApplication = false }: CallSubject): EtcdErrorCode {
  const text = message.toLowerCase();
  const isSecret = tool.startsWith('secret-');
  if (/not (?:the )?leader|leadership/u.test(text)) return 'not-leader';
  if (ownApplication && /permission denied|cannot write relation settings/u.test(text)) return 'not-leader';
  if (/relation/u.test(text) && exitCode === 2 && /not found|unknown|invalid value/u.test(text))
    return 'relation-not-found';
  if (/permission denied|not authorized|unauthorized/u.test(text))
    return isSecret ? 'secret-denied' : 'permission-denied';
  if (/not found/u.test(text)) {
    if (isSecret) return 'secret-not-found';
    if (tool.startsWith('relation-')) return 'relation-not-found';
  }
  return 'hook-tool-failed';
}
