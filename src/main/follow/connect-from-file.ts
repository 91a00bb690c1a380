/** An engine that follows a connection file. Main thread. */
import { textRule } from '../../wire/arguments.js';
import { toEtcdError } from '../../wire/errors.js';
import type { Etcd } from '../etcd.js';
import { FileWatch } from '../file-watch.js';
import { readConnectionFile } from '../relation/connection-file.js';
import { offerOfFile } from './connection-offer.js';
import { checkFollowOptions, connectFollowing, type FollowOptions } from './follower.js';

/**
 * Connects to the etcd that a connection file names (see `writeConnectionFile` of etcd-vigil/relation), and follows the file:
 * endpoints and certificates are replaced in place when it changes, as `etcd.reconfigure` does with `unreachable: 'apply'`.
 * Waits while the file is not there, cannot be read, or says `unavailable`, without a `signal` for ever; a signal ends that, and
 * message and `cause` of the error (`aborted`) say why the file could not be used.
 *
 * A file that is half-written or holds something else is ignored: `status` tells `settings-refused` and the last good settings
 * stay. When it says `unavailable`, `status` tells `settings-withdrawn`, and everything goes on with the last settings as
 * long as the servers let it; when it names a connection again, `settings-changed` or `settings-restored`. One of another
 * cluster is refused: close this engine and connect anew. A file that is removed counts as one that cannot be read.
 *
 * @throws EtcdError as `connect`.
 */
export async function connectFromFile(path: string, options: FollowOptions = {}): Promise<Etcd> {
  textRule(path, 'connectFromFile: path');
  checkFollowOptions(options, 'connectFromFile');
  return connectFollowing(
    {
      name: 'connection-file',
      follow: (take) => {
        // Reads overtake each other: only the newest counts.
        let newest = 0;
        const read = async (): Promise<void> => {
          const turn = (newest += 1);
          const offer = await readConnectionFile(path).then((file) => offerOfFile(file, options.tls), toEtcdError);
          if (turn === newest) take(offer);
        };
        const watch = new FileWatch([path], () => void read());
        return () => {
          newest = -1;
          watch.close();
        };
      },
    },
    options,
  );
}
