/** Entry of the load writer's own process: options come in as one message, the report or the error goes back as one. */
import { writeLoad } from './load-workload.js';

process.once('message', (options) => {
  // The parent is load-writer.ts, which sends nothing else.
  void writeLoad(/** @type {import('./load-workload.js').LoadOptions} */ (options))
    .then(
      (report) => ({ report }),
      (/** @type {unknown} */ error) => ({ error: String(error) }),
    )
    .then((message) => process.send?.(message, () => process.disconnect()));
});
// Without its parent nobody wants the load.
process.once('disconnect', () => process.exit());
