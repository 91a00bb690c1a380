/**
 * Which etcd binaries the tests run against, and which flags each of them knows. Runs the binary for a moment, synchronously.
 * Flags are looked up in `--help` instead of by version: etcd renames them ("experimental-") between minor versions.
 */
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { findEtcd } from './find-etcd.js';

export interface EtcdBinary {
  /** Absolute path of the server. */
  readonly path: string;
  /** Absolute path of the etcdctl beside it. */
  readonly etcdctlPath: string;
  /** Such as `3.5.21`. */
  readonly version: string;
  /** `[3, 5, 21]` */
  readonly versionParts: readonly [major: number, minor: number, patch: number];
  /** The first of the names (without dashes) that this version accepts, if any. */
  knownFlag(...names: string[]): string | undefined;
}

const inspected = new Map<string, EtcdBinary>();

/** Asks a binary for its version and flags; cached. */
export function inspectEtcd(path: string): EtcdBinary {
  const cached = inspected.get(path);
  if (cached !== undefined) return cached;
  const versionText = execFileSync(path, ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const match = /etcd Version:\s*(\d+)\.(\d+)\.(\d+)/.exec(versionText);
  if (match === null) throw new Error(`${path} --version does not print an etcd version`);
  const help = helpText(path);
  const versionParts = [Number(match[1]), Number(match[2]), Number(match[3])] as const;
  const binary: EtcdBinary = {
    path,
    etcdctlPath: join(dirname(path), 'etcdctl'),
    version: versionParts.join('.'),
    versionParts,
    knownFlag: (...names) => names.find((name) => new RegExp(`^\\s*--${name}\\b(?!-)`, 'm').test(help)),
  };
  inspected.set(path, binary);
  return binary;
}

/** etcd prints its help on stdout or stderr and ends with 0 or 2, depending on the version. */
function helpText(path: string): string {
  try {
    return execFileSync(path, ['--help'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const failed = error as { stdout?: unknown; stderr?: unknown }; // execFileSync attaches both outputs to its error
    return String(failed.stdout) + String(failed.stderr);
  }
}

/** The binary that tests use when they name none: ETCD_BIN, then PATH. Throws when there is none: tests never skip. */
export function defaultEtcd(): EtcdBinary {
  const found = findEtcd();
  if (found === undefined)
    throw new Error('no etcd found: put etcd and etcdctl on PATH or set ETCD_BIN to the etcd binary');
  return inspectEtcd(found.path);
}
