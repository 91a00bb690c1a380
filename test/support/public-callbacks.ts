/** The functions that the application hands to the package, read from the declarations that its users compile against. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

const root = join(import.meta.dirname, '../..');

/**
 * Names of all functions that a public function takes, itself or within its arguments: `Type.property` for a member of an
 * argument, `Class.method(parameter)` or `function(parameter)` for a parameter. Sorted.
 */
export function publicCallbacks(): string[] {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string }>;
  };
  const entries = Object.values(manifest.exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : [join(root, entry.types)],
  );
  const program = ts.createProgram(entries, {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    types: ['node'],
    strict: true,
    skipLibCheck: true,
  });
  const finder = new Finder(program.getTypeChecker());
  for (const entry of entries) finder.entry(program.getSourceFile(entry));
  return [...finder.found].sort();
}

class Finder {
  readonly found = new Set<string>();
  readonly #checker: ts.TypeChecker;
  readonly #seen = new Set<ts.Type>();
  readonly #classes = new Set<ts.Symbol>();

  constructor(checker: ts.TypeChecker) {
    this.#checker = checker;
  }

  entry(file: ts.SourceFile | undefined): void {
    const module = file === undefined ? undefined : this.#checker.getSymbolAtLocation(file);
    if (module === undefined) throw new Error('an entry has no declarations: build first');
    const symbols = this.#checker
      .getExportsOfModule(module)
      .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol));
    for (const symbol of symbols) if (symbol.flags & ts.SymbolFlags.Class) this.#classes.add(symbol);
    for (const symbol of symbols) this.#exported(symbol);
  }

  #exported(symbol: ts.Symbol): void {
    const node = symbol.declarations?.[0];
    if (node === undefined) return;
    if (symbol.flags & ts.SymbolFlags.Value) {
      const type = this.#checker.getTypeOfSymbolAtLocation(symbol, node);
      for (const signature of [...type.getCallSignatures(), ...type.getConstructSignatures()])
        this.#signature(signature, symbol.name);
      for (const member of type.getProperties()) this.#method(member, symbol.name);
    }
    if (symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))
      for (const member of this.#checker.getDeclaredTypeOfSymbol(symbol).getProperties())
        this.#method(member, symbol.name);
  }

  /** What the methods of something public take; whether that is a class or what a function gives makes no difference. */
  #method(member: ts.Symbol, owner: string): void {
    const node = member.declarations?.[0];
    if (node === undefined || !isOurs(node) || isInternal(node)) return;
    const type = this.#checker.getNonNullableType(this.#checker.getTypeOfSymbolAtLocation(member, node));
    for (const signature of type.getCallSignatures()) this.#signature(signature, `${owner}.${member.name}`);
  }

  #signature(signature: ts.Signature, owner: string): void {
    if (signature.declaration !== undefined && isInternal(signature.declaration)) return;
    for (const parameter of signature.getParameters()) {
      const node = parameter.declarations?.[0];
      if (node === undefined || !isOurs(node)) continue;
      this.#argument(this.#checker.getTypeOfSymbolAtLocation(parameter, node), `${owner}(${parameter.name})`);
    }
  }

  /** What the application gives, whole or in part. */
  #argument(given: ts.Type, name: string): void {
    const type = given.flags & ts.TypeFlags.TypeParameter ? this.#checker.getBaseConstraintOfType(given) : given;
    if (type === undefined) return;
    if (type.isUnionOrIntersection()) {
      for (const part of type.types) this.#argument(part, name);
      return;
    }
    if (type.getCallSignatures().length > 0) {
      this.found.add(name);
      return;
    }
    if ((type.flags & ts.TypeFlags.Object) === 0 || this.#seen.has(type)) return;
    this.#seen.add(type);
    for (const part of this.#checker.getTypeArguments(type as ts.TypeReference)) this.#argument(part, name);
    const symbol = type.aliasSymbol ?? type.getSymbol();
    // Objects of ours that are handed back: what they are given is found at their own methods.
    if (symbol !== undefined && this.#classes.has(symbol)) return;
    const inRecord = type.getStringIndexType();
    if (inRecord !== undefined) this.#argument(inRecord, name);
    for (const member of type.getProperties()) {
      const node = member.declarations?.[0];
      if (node === undefined || !isOurs(node)) continue;
      const holder = declarationName(node.parent) ?? name;
      this.#argument(this.#checker.getTypeOfSymbolAtLocation(member, node), `${holder}.${member.name}`);
    }
  }
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.startsWith(join(root, 'dist'));
}

/** Of the type or class that a member stands in. */
function declarationName(node: ts.Node | undefined): string | undefined {
  if (node === undefined || ts.isSourceFile(node)) return undefined;
  if (ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node))
    return node.name?.text;
  return declarationName(node.parent);
}

/** Marked so: not part of what users may call. */
function isInternal(node: ts.Node): boolean {
  return ts.getJSDocTags(node).some((tag) => tag.tagName.text === 'internal');
}
