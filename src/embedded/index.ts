/**
 * The public names of `etcd-vigil/embedded`: an etcd v3 server inside the process.
 */
import '../wire/require-node.js';
export { EmbeddedEtcd } from './embedded-etcd.js';
export type { EmbeddedEtcdOptions, EmbeddedTls } from './embedded-options.js';
export { EtcdError, type EtcdErrorCode } from '../wire/errors.js';
export type { KeyInput } from '../wire/key-range.js';
