// Reads a hook tool's arguments as Juju's flag library does: options anywhere before `--`, values after `=` or as the next one.

/** Options of all the tools, and whether they take a value. */
const OPTIONS: Readonly<Record<string, boolean>> = {
  ...{ '--format': true, '-r': true, '--relation': true, '--file': true, '--app': false, '--all': false },
  ...{ '-l': true, '--application': false, '--ingress-address': false, '--bind-address': false },
  ...{ '--label': true, '--description': true, '--owner': true, '--expire': true, '--rotate': true },
  ...{ '--peek': false, '--refresh': false, '--unit': true, '--revision': true },
};

export interface ToolArguments {
  readonly options: ReadonlyMap<string, string>;
  readonly positional: readonly string[];
}

/** @returns what is wrong, as text, for an option that no tool has. */
export function readArguments(args: readonly string[]): ToolArguments | string {
  const options = new Map<string, string>();
  const positional: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (arg === '--') {
      positional.push(...args.slice(index + 1));
      break;
    }
    if (arg === '-' || !arg.startsWith('-')) {
      positional.push(arg);
      continue;
    }
    const equals = arg.indexOf('=');
    const name = equals === -1 ? arg : arg.slice(0, equals);
    const takesValue = OPTIONS[name];
    if (takesValue === undefined) return `option provided but not defined: ${name}`;
    if (equals !== -1) options.set(name, arg.slice(equals + 1));
    else if (!takesValue) options.set(name, 'true');
    else {
      index += 1;
      const value = args[index];
      if (value === undefined) return `option needs an argument: ${name}`;
      options.set(name, value);
    }
  }
  return { options, positional };
}
