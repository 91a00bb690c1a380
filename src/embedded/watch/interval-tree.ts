/**
 * Ranges of keys, found by a key in them: a treap ordered by start and end in which each node knows the furthest end below it.
 * Pure. Finding costs a logarithm plus what is found, which is what keeps 10,000 watched prefixes off the path of a write.
 */

/** From an inclusive start to an exclusive end; without one, to the end of the keyspace. */
export interface Interval {
  readonly from: string;
  readonly to?: string;
}

interface Node<Value> {
  readonly from: string;
  readonly to: string | undefined;
  readonly value: Value;
  readonly priority: number;
  /** The furthest end in this subtree; undefined is the end of the keyspace. */
  furthest: string | undefined;
  left: Node<Value> | undefined;
  right: Node<Value> | undefined;
}

type Tree<Value> = Node<Value> | undefined;

export class IntervalTree<Value> {
  #root: Tree<Value>;
  #seed = 0x9e37_79b9;

  get({ from, to }: Interval): Value | undefined {
    let node = this.#root;
    while (node !== undefined) {
      const order = compare(from, to, node);
      if (order === 0) return node.value;
      node = order < 0 ? node.left : node.right;
    }
    return undefined;
  }

  /** The caller knows that this interval is not there yet. */
  add({ from, to }: Interval, value: Value): void {
    const priority = this.#random();
    this.#root = insert(this.#root, { from, to, value, priority, furthest: to, left: undefined, right: undefined });
  }

  delete({ from, to }: Interval): void {
    this.#root = remove(this.#root, from, to);
  }

  /** All intervals that hold the key. */
  visit(key: string, visit: (value: Value) => void): void {
    visitTree(this.#root, key, visit);
  }

  /** Numbers that only balance the tree: a xorshift, the same in every run. */
  #random(): number {
    let seed = this.#seed;
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    this.#seed = seed;
    return seed;
  }
}

function compare(from: string, to: string | undefined, node: Interval | Node<unknown>): number {
  if (from !== node.from) return from < node.from ? -1 : 1;
  if (to === node.to) return 0;
  if (to === undefined) return 1;
  return node.to === undefined || to < node.to ? -1 : 1;
}

function update<Value>(node: Node<Value>): Node<Value> {
  let furthest = node.to;
  for (const child of [node.left, node.right]) {
    if (furthest === undefined) break;
    if (child !== undefined && (child.furthest === undefined || child.furthest > furthest)) furthest = child.furthest;
  }
  node.furthest = furthest;
  return node;
}

function insert<Value>(tree: Tree<Value>, node: Node<Value>): Node<Value> {
  if (tree === undefined) return node;
  if (node.priority > tree.priority) {
    [node.left, node.right] = split(tree, node);
    return update(node);
  }
  if (compare(node.from, node.to, tree) < 0) tree.left = insert(tree.left, node);
  else tree.right = insert(tree.right, node);
  return update(tree);
}

/** What comes before `at`, and what comes after it. */
function split<Value>(tree: Tree<Value>, at: Node<Value>): [Tree<Value>, Tree<Value>] {
  if (tree === undefined) return [undefined, undefined];
  if (compare(at.from, at.to, tree) < 0) {
    const [before, after] = split(tree.left, at);
    tree.left = after;
    return [before, update(tree)];
  }
  const [before, after] = split(tree.right, at);
  tree.right = before;
  return [update(tree), after];
}

function remove<Value>(tree: Tree<Value>, from: string, to: string | undefined): Tree<Value> {
  if (tree === undefined) return undefined;
  const order = compare(from, to, tree);
  if (order === 0) return merge(tree.left, tree.right);
  if (order < 0) tree.left = remove(tree.left, from, to);
  else tree.right = remove(tree.right, from, to);
  return update(tree);
}

function merge<Value>(left: Tree<Value>, right: Tree<Value>): Tree<Value> {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.priority > right.priority) {
    left.right = merge(left.right, right);
    return update(left);
  }
  right.left = merge(left, right.left);
  return update(right);
}

function visitTree<Value>(tree: Tree<Value>, key: string, visit: (value: Value) => void): void {
  if (tree === undefined || (tree.furthest !== undefined && tree.furthest <= key)) return;
  visitTree(tree.left, key, visit);
  if (tree.from > key) return;
  if (tree.to === undefined || key < tree.to) visit(tree.value);
  visitTree(tree.right, key, visit);
}
