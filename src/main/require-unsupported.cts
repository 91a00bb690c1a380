/**
 * What `require()` of any entry of the package finds on a Node that cannot require ES modules, instead of ERR_REQUIRE_ESM: one clear
 * line. The others take the condition `module-sync` of package.json's exports, bundlers `module`, which lead to the same files as `import`.
 * CommonJS, and without imports: it must load on any Node.
 */

const { node } = process.versions;
const [major = 0, minor = 0] = node.split('.').map(Number);
// The same floor and the same words as in src/wire/node-floor.ts, an ES module.
const isTooOld = major < 20 || (major === 20 && minor < 19);
const words = isTooOld
  ? `etcd-vigil needs Node.js 20.19 or later; this is v${node}`
  : `etcd-vigil is an ES module, which this Node.js (v${node}) does not take by require(): use import, or Node.js 20.19, 22.12 or later`;

const error = Object.assign(new Error(words), { code: isTooOld ? 'node-too-old' : 'ERR_REQUIRE_ESM' });
error.stack = `${error.name}: ${words}`;
throw error;
