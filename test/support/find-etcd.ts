/** Finds the etcd binary for tests: ETCD_BIN, then PATH. Runs it once for its version; never downloads. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** The etcd to test against, or undefined when there is none. */
export function findEtcd(): { path: string; version: string } | undefined {
  const named = process.env['ETCD_BIN'];
  const candidates =
    named !== undefined && named !== ''
      ? [resolve(named)]
      : (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'etcd'));
  for (const path of candidates) {
    if (!existsSync(path)) continue;
    const text = execFileSync(path, ['--version'], { encoding: 'utf8' });
    const version = /etcd Version:\s*(\S+)/.exec(text)?.[1];
    if (version !== undefined) return { path, version };
  }
  return undefined;
}
