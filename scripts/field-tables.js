// Flattens what `pbjs -t json` writes into the tables of src/generated/fields.js: types under their full names.

/**
 * @typedef {object} ProtoNode a namespace, message, enum or service of pbjs's JSON
 * @property {Record<string, ProtoNode>} [nested]
 * @property {Record<string, number>} [values]
 * @property {Record<string, { type: string, id: number, rule?: string }>} [fields]
 * @property {Record<string, { oneof: string[] }>} [oneofs]
 * @property {Record<string, { requestType: string, responseType: string, requestStream?: boolean, responseStream?: boolean }>} [methods]
 */

/** @param {ProtoNode} root */
export function fieldTables(root) {
  /** @type {Map<string, ProtoNode>} */
  const nodes = new Map();
  /** @type {(node: ProtoNode, path: string) => void} */
  const collect = (node, path) => {
    for (const [name, inner] of Object.entries(node.nested ?? {})) {
      const full = path === '' ? name : `${path}.${name}`;
      nodes.set(full, inner);
      collect(inner, full);
    }
  };
  collect(root, '');

  /**
   * A name as protobuf finds it: in the innermost scope first. A scalar's is found nowhere.
   * @type {(type: string, scope: string) => string}
   */
  const resolve = (type, scope) => {
    for (let at = scope; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.'))))
      if (nodes.has(`${at}.${type}`)) return `${at}.${type}`;
    return type;
  };

  /** @type {Record<string, [string, number, string, boolean, string][]>} */
  const messages = {};
  /** @type {Record<string, Record<string, number>>} */
  const enums = {};
  /** @type {Record<string, [string, string, boolean, boolean]>} */
  const methods = {};
  for (const [full, node] of nodes) {
    if (node.values !== undefined) enums[full] = node.values;
    for (const [name, method] of Object.entries(node.methods ?? {}))
      methods[`/${full}/${name}`] = [
        resolve(method.requestType, full),
        resolve(method.responseType, full),
        method.requestStream === true,
        method.responseStream === true,
      ];
    if (node.fields === undefined) continue;
    /** @type {Map<string, string>} */
    const oneofs = new Map();
    for (const [oneof, members] of Object.entries(node.oneofs ?? {}))
      for (const name of members.oneof) oneofs.set(name, oneof);
    messages[full] = Object.entries(node.fields).map(([name, { type, id, rule }]) => [
      name,
      id,
      resolve(type, full),
      rule === 'repeated',
      oneofs.get(name) ?? '',
    ]);
  }
  return { messages, enums, methods };
}
