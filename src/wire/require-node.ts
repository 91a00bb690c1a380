/**
 * Imported first by every entry of the package, for its effect: on a Node that is too old the import fails with one clear line, instead of
 * whatever breaks first, then or later. A module is evaluated only when all that the entry imports has been linked: what those import from
 * Node by name must be there in old Nodes, too. Newer names (`isUtf8`, `availableParallelism`) are taken through `import * as`.
 */
import { tooOldNode } from './node-floor.js';

const problem = tooOldNode(process.versions.node);
if (problem !== undefined) {
  const error = Object.assign(new Error(problem), { code: 'node-too-old' });
  // Its frames are of Node's loader only, and Node prints the stack of an error that nobody catches.
  error.stack = `${error.name}: ${problem}`;
  throw error;
}
