/** Finds the etcd to start: ETCD_BIN, then PATH. Starts and downloads nothing. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { EtcdError } from '../../index.js';

/** @throws EtcdError `connect-failed` that tells how to get one. */
export function findEtcd(env: NodeJS.ProcessEnv): string {
  const named = env['ETCD_BIN'];
  if (named !== undefined && named !== '') {
    const path = resolve(named);
    if (isProgram(path)) return path;
    throw noEtcd(`ETCD_BIN is '${named}', which is no program that can be run`);
  }
  const found = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'etcd'))
    .find(isProgram);
  if (found === undefined) throw noEtcd('no etcd on PATH, and ETCD_BIN is not set');
  return found;
}

/** Told by the demo as it stands: no hint about endpoints is added. */
function noEtcd(why: string): EtcdError {
  return new EtcdError(
    `the demo needs an etcd and found none: ${why}. Install one (Debian, Ubuntu: apt-get install etcd-server etcd-client), ` +
      'or set ETCD_BIN to the path of the etcd program, or use a running one: vigil demo --endpoints http://host:2379',
    { code: 'invalid-argument', outcome: 'not-sent' },
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
