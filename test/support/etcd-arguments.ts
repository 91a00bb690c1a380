/** The command line of one etcd member of a test. Pure: everything it needs is passed in. */
import type { EtcdBinary } from './etcd-binary.js';

export interface EtcdTls {
  readonly certFile: string;
  readonly keyFile: string;
  /** With it, clients must show a certificate signed by this CA. */
  readonly clientCaFile?: string;
}

export interface EtcdOptions {
  /** Default: ETCD_BIN, then PATH. */
  readonly binary?: EtcdBinary;
  /** More command-line flags, such as `--auth-token=...`; they come last and win. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Serve clients over TLS. */
  readonly tls?: EtcdTls;
  /** Listen on a unix socket too. */
  readonly unixSocket?: boolean;
  /** At least 100. */
  readonly watchProgressNotifyIntervalMs?: number;
  readonly maxRequestBytes?: number;
  readonly quotaBytes?: number;
  /** Log errors only: for loads, where a log line per slow request costs time. */
  readonly quiet?: boolean;
}

/** Where one member listens and lives. */
export interface EtcdPlace {
  readonly name: string;
  readonly dataDir: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly metricsPort: number;
  /** `name=peerUrl,...` of all members. */
  readonly initialCluster: string;
}

/** File name of the unix socket in etcd's working directory; etcd wants `unix://host:port` and binds that as a relative path. */
export const SOCKET_NAME = 'client:0';

export function etcdArguments(binary: EtcdBinary, options: EtcdOptions, place: EtcdPlace): string[] {
  const scheme = options.tls === undefined ? 'http' : 'https';
  const clientUrl = `${scheme}://127.0.0.1:${String(place.clientPort)}`;
  const peerUrl = `http://127.0.0.1:${String(place.peerPort)}`;
  const listenUrls = options.unixSocket === true ? `${clientUrl},unix://${SOCKET_NAME}` : clientUrl;
  const list = [
    `--name=${place.name}`,
    `--data-dir=${place.dataDir}`,
    `--listen-client-urls=${listenUrls}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=${place.initialCluster}`,
    `--initial-cluster-token=${place.initialCluster}`,
    `--listen-metrics-urls=http://127.0.0.1:${String(place.metricsPort)}`,
    '--logger=zap',
    `--log-level=${options.quiet === true ? 'error' : 'info'}`,
  ];
  const noFsync = binary.knownFlag('unsafe-no-fsync');
  if (noFsync !== undefined) list.push(`--${noFsync}`);
  if (options.tls !== undefined) {
    list.push(`--cert-file=${options.tls.certFile}`, `--key-file=${options.tls.keyFile}`);
    if (options.tls.clientCaFile !== undefined) {
      list.push('--client-cert-auth', `--trusted-ca-file=${options.tls.clientCaFile}`);
    }
  }
  if (options.watchProgressNotifyIntervalMs !== undefined) {
    const flag = binary.knownFlag('watch-progress-notify-interval', 'experimental-watch-progress-notify-interval');
    if (flag === undefined) throw new Error(`etcd ${binary.version} cannot set the progress notify interval`);
    list.push(`--${flag}=${String(options.watchProgressNotifyIntervalMs)}ms`);
  }
  if (options.maxRequestBytes !== undefined) list.push(`--max-request-bytes=${String(options.maxRequestBytes)}`);
  if (options.quotaBytes !== undefined) list.push(`--quota-backend-bytes=${String(options.quotaBytes)}`);
  list.push(...(options.flags ?? []));
  return list;
}
