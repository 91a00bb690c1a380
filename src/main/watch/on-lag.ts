/** What to do with a consumer that has fallen behind, as a type. */

/**
 * What happens when a consumer has more unread bytes than its budget. `'pause'`: its watches are cancelled on the server
 * and replayed from etcd's history when it has caught up; nothing is lost, nobody else waits. `'fail'`: the watch ends
 * with code `lagging`.
 */
export type OnLag = 'pause' | 'fail';
