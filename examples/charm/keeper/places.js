// Where things are on the machine. Not in the charm's folder: an upgrade replaces that.
import { join } from 'node:path';

/** @param {string} unit such as `etcd-keeper/0` */
export function places(unit) {
  const folder = join(process.env['KEEPER_FOLDER'] ?? '/var/lib', unit.replace('/', '-'));
  return {
    folder,
    connection: join(folder, 'etcd.json'),
    key: join(folder, 'client.key'),
    cert: join(folder, 'client.crt'),
    ca: join(folder, 'ca.crt'),
    pid: join(folder, 'service.pid'),
    log: join(folder, 'service.log'),
  };
}
