// Which etcd an example uses: that of ETCD_ENDPOINTS, or else one inside this process, which ends with it.
// @ts-check
import { EmbeddedEtcd } from 'etcd-vigil/embedded';

const given = process.env['ETCD_ENDPOINTS'];

/** For `connect`. */
export const endpoints = given ?? (await EmbeddedEtcd.start()).unref().endpoints;
