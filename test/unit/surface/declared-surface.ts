/**
 * The public surface as the built `.d.ts` declare it, read by the TypeScript compiler: every function, method and constructor that
 * an application can call, and for each the arguments that its types forbid.
 */
import ts from 'typescript';
import { CANDIDATES, UNKNOWN_OPTION, type Candidate } from './wrong-values.js';

/** One wrong argument: what stands at which position, and what the refusal has to name. */
export interface WrongArgument {
  readonly position: number;
  readonly label: string;
  readonly names: string;
  /** Makes the wrong argument out of the right one. */
  readonly spoil: (right: unknown) => unknown;
}

export interface Callable {
  /** Such as `connect`, `Etcd.watch`, `new JujuModel`, `EmbeddedEtcd.start (static)`. */
  readonly name: string;
  /** The class or interface that it is a method of. */
  readonly owner: string | undefined;
  readonly kind: 'function' | 'method' | 'static' | 'constructor';
  readonly member: string;
  readonly isAsync: boolean;
  readonly wrong: readonly WrongArgument[];
}

const PROBE = '/surface-probe.ts';

/** @param entries the `.d.ts` of public entries. What several export is listed once. */
export function declaredSurface(entries: readonly string[]): Callable[] {
  const surface = new Surface(entries);
  const all = entries.flatMap((entry) => surface.callables(entry));
  return Array.from(new Map(all.map((one) => [one.name, one])).values());
}

class Surface {
  readonly #checker: ts.TypeChecker;
  readonly #program: ts.Program;
  readonly #probes: ReadonlyMap<Candidate, ts.Type>;

  constructor(entries: readonly string[]) {
    const options: ts.CompilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
      types: ['node'],
    };
    const typed = CANDIDATES.filter(({ type }) => type !== undefined);
    const probe = typed.map(({ type }, index) => `export declare const probe${index}: ${String(type)};`).join('\n');
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists, readFile } = host;
    host.fileExists = (file) => file === PROBE || fileExists(file);
    host.readFile = (file) => (file === PROBE ? probe : readFile(file));
    host.getSourceFile = (file, ...rest) =>
      file === PROBE ? ts.createSourceFile(file, probe, ts.ScriptTarget.ES2022) : getSourceFile(file, ...rest);
    this.#program = ts.createProgram([...entries, PROBE], options, host);
    this.#checker = this.#program.getTypeChecker();
    const probes = this.#checker.getExportsOfModule(this.#moduleOf(PROBE));
    this.#probes = new Map(
      typed.map((candidate, index) => {
        const symbol = probes.find(({ name }) => name === `probe${index}`);
        if (symbol === undefined) throw new Error('the probe was not read');
        return [candidate, this.#checker.getTypeOfSymbol(symbol)];
      }),
    );
  }

  callables(entry: string): Callable[] {
    const found: Callable[] = [];
    const exports = this.#checker.getExportsOfModule(this.#moduleOf(entry));
    const exportedNames = new Set(exports.map(({ name }) => name));
    for (const exported of exports) {
      const symbol =
        (exported.flags & ts.SymbolFlags.Alias) === 0 ? exported : this.#checker.getAliasedSymbol(exported);
      const { name } = exported;
      if ((symbol.flags & ts.SymbolFlags.Function) !== 0) {
        const signatures = this.#checker.getTypeOfSymbol(symbol).getCallSignatures();
        found.push(this.#callable(name, undefined, 'function', name, signatures));
      } else if ((symbol.flags & ts.SymbolFlags.Class) !== 0) {
        const statics = this.#checker.getTypeOfSymbol(symbol);
        const constructors = statics.getConstructSignatures().filter((one) => isPublic(one.declaration));
        if (constructors.length > 0)
          found.push(this.#callable(`new ${name}`, name, 'constructor', 'constructor', constructors));
        for (const member of statics.getProperties()) found.push(...this.#method(name, member, 'static'));
        for (const member of this.#checker.getDeclaredTypeOfSymbol(symbol).getProperties())
          found.push(...this.#method(name, member, 'method'));
      } else if ((symbol.flags & ts.SymbolFlags.Interface) !== 0) {
        found.push(...this.#interfaceMethods(name, this.#checker.getDeclaredTypeOfSymbol(symbol), exportedNames));
      }
    }
    return found;
  }

  /**
   * The methods of an interface, and of the interfaces that its properties hold, but of those that are exported themselves; none of
   * a generic one, whose types are open.
   */
  #interfaceMethods(owner: string, type: ts.Type, exported: ReadonlySet<string>): Callable[] {
    if (this.#isGeneric(type)) return [];
    return type.getProperties().flatMap((member) => {
      if ((member.flags & ts.SymbolFlags.Method) !== 0) return this.#method(owner, member, 'method');
      const held = this.#checker.getTypeOfSymbol(member);
      const holder = held.getSymbol();
      const isInterface = ((holder?.flags ?? 0) & ts.SymbolFlags.Interface) !== 0;
      const isExported = exported.has(holder?.name ?? '') && !this.#isGeneric(held);
      return isInterface && !isExported
        ? held.getProperties().flatMap((one) => this.#method(`${owner}.${member.name}`, one, 'method'))
        : [];
    });
  }

  #isGeneric(type: ts.Type): boolean {
    const symbol = type.getSymbol();
    const declared = symbol && this.#checker.getDeclaredTypeOfSymbol(symbol);
    return declared?.isClassOrInterface() === true && (declared.typeParameters ?? []).length > 0;
  }

  #moduleOf(file: string): ts.Symbol {
    const source = this.#program.getSourceFile(file);
    const symbol = source && this.#checker.getSymbolAtLocation(source);
    if (symbol === undefined) throw new Error(`${file} is no module; was the package built?`);
    return symbol;
  }

  #method(owner: string, member: ts.Symbol, kind: 'static' | 'method'): Callable[] {
    const { valueDeclaration: declaration } = member;
    if (declaration === undefined || !isOurs(declaration) || !isPublic(declaration)) return [];
    const signatures = this.#checker.getTypeOfSymbol(member).getCallSignatures();
    if (signatures.length === 0) return [];
    const name = member.name.replace(/^__@(\w+)@\d+$/u, '[$1]');
    return [
      this.#callable(`${owner}.${name}${kind === 'static' ? ' (static)' : ''}`, owner, kind, member.name, signatures),
    ];
  }

  #callable(
    name: string,
    owner: string | undefined,
    kind: Callable['kind'],
    member: string,
    signatures: readonly ts.Signature[],
  ): Callable {
    const isAsync = signatures.some((one) => one.getReturnType().getSymbol()?.name === 'Promise');
    return { name, owner, kind, member, isAsync, wrong: this.#wrongArguments(signatures) };
  }

  #wrongArguments(signatures: readonly ts.Signature[]): WrongArgument[] {
    const positions = Math.max(...signatures.map(({ parameters }) => parameters.length));
    return Array.from({ length: positions }, (_, position) => {
      const parameters = signatures.map((one) => one.parameters[position]).filter((one) => one !== undefined);
      const types = parameters.map((one) => this.#typeOf(one));
      const names = parameters.map(({ name }) => name).join('|');
      // An object may be refused for a field that it lacks.
      const fields = types.flatMap((type) => this.#fieldTypes(type)).flatMap((type) => type.getProperties());
      const namesOrFields = [names, ...fields.map(({ name }) => name)].join('|');
      const wrong: WrongArgument[] = this.#wrongFor(types).map(({ name: label, value }) => ({
        ...{ position, label, names: label === 'an empty object' ? namesOrFields : names },
        spoil: () => value,
      }));
      // A parameter that only some overloads have may be left out.
      if (parameters.length < signatures.length)
        wrong.splice(0, wrong.length, ...wrong.filter(({ label }) => label !== 'undefined'));
      for (const type of types)
        for (const one of this.#wrongFields(type, []))
          // A field may be refused with the whole argument.
          wrong.push({ position, ...one, names: `${one.names}|${names}` });
      return wrong;
    }).flat();
  }

  #typeOf(parameter: ts.Symbol): ts.Type {
    const declaration = parameter.valueDeclaration;
    const type = this.#checker.getTypeOfSymbol(parameter);
    if (declaration === undefined || !ts.isParameter(declaration)) return type;
    if (declaration.dotDotDotToken !== undefined) {
      const element = this.#checker.getIndexTypeOfType(type, ts.IndexKind.Number);
      if (element !== undefined) return element;
    }
    return type;
  }

  /** What none of the types takes. */
  #wrongFor(types: readonly ts.Type[]): Candidate[] {
    const takesAnything = types.some((type) => (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0);
    if (takesAnything) return [];
    return CANDIDATES.filter((candidate) => {
      const probe = this.#probes.get(candidate);
      return probe === undefined || !types.some((type) => this.#checker.isTypeAssignableTo(probe, this.#bound(type)));
    });
  }

  #bound(type: ts.Type): ts.Type {
    return type.isTypeParameter() ? (type.getConstraint() ?? type) : type;
  }

  /** Wrong values and unknown names inside an options object, at any depth. */
  #wrongFields(type: ts.Type, path: readonly string[]): Omit<WrongArgument, 'position'>[] {
    return this.#fieldTypes(type).flatMap((fields) => {
      const sample = this.#sample(fields);
      const unknown = {
        label: `{ ${[...path, UNKNOWN_OPTION].join('.')} }`,
        names: UNKNOWN_OPTION,
        spoil: (right: unknown) => withField(right, path, sample, UNKNOWN_OPTION, 1),
      };
      const wrong = fields.getProperties().flatMap((property) => {
        const { name } = property;
        const propertyType = this.#checker.getTypeOfSymbol(property);
        const values = this.#wrongFor([propertyType]).map(({ name: what, value }) => ({
          label: `{ ${[...path, name].join('.')}: ${what} }`,
          // Without it, the object may be refused for another field that it lacks.
          names:
            value === undefined
              ? fields
                  .getProperties()
                  .map((one) => one.name)
                  .join('|')
              : name,
          spoil: (right: unknown) => withField(right, path, sample, name, value),
        }));
        return [...values, ...(path.length < 3 ? this.#wrongFields(propertyType, [...path, name]) : [])];
      });
      return [unknown, ...wrong];
    });
  }

  /** The members of a type that are objects with fields declared here; not handles, which have methods, and no records. */
  #fieldTypes(type: ts.Type): ts.Type[] {
    const members = type.isUnion() ? type.types : [type];
    return members.filter((member) => {
      if ((member.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) === 0) return false;
      if (member.getCallSignatures().length > 0) return false;
      if (member.isClass() || this.#checker.getIndexInfosOfType(member).length > 0) return false;
      const properties = member.getProperties();
      return (
        properties.length > 0 &&
        properties.every(({ declarations = [] }) =>
          declarations.every((one) => isOurs(one) && !ts.isMethodSignature(one)),
        )
      );
    });
  }

  /** The fields that tell the members of a union apart: `kind: 'refuse'`. */
  #sample(type: ts.Type): Readonly<Record<string, unknown>> {
    const sample: Record<string, unknown> = {};
    for (const property of type.getProperties()) {
      const propertyType = this.#checker.getTypeOfSymbol(property);
      if (propertyType.isStringLiteral()) sample[property.name] = propertyType.value;
    }
    return sample;
  }
}

/** The right value with one field at `path` replaced; built from the sample where there is nothing to build on. */
function withField(
  right: unknown,
  path: readonly string[],
  sample: Readonly<Record<string, unknown>>,
  name: string,
  value: unknown,
): unknown {
  const base: Record<string, unknown> =
    typeof right === 'object' && right !== null && Object.getPrototypeOf(right) === Object.prototype
      ? { ...right }
      : {};
  const [first, ...rest] = path;
  if (first === undefined) {
    const isOther = Object.entries(sample).some(([key, literal]) => base[key] !== literal);
    return { ...(isOther ? {} : base), ...sample, [name]: value };
  }
  return { ...base, [first]: withField(base[first], rest, sample, name, value) };
}

function isOurs(declaration: ts.Declaration): boolean {
  return !declaration.getSourceFile().fileName.includes('/node_modules/');
}

function isPublic(declaration: ts.Declaration | undefined): boolean {
  if (declaration === undefined) return true;
  const isHidden =
    (ts.getCombinedModifierFlags(declaration) & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0;
  return !isHidden && !ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal');
}
