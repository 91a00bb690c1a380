/**
 * The README and the guides are true: each snippet of code compiles against the public types, each command line has only
 * commands and options that exist, each link leads somewhere.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../../src/main/cli/program.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const pages = ['README.md', ...readdirSync(join(root, 'docs/guide')).map((name) => `docs/guide/${name}`)];

interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

const snippets = pages.flatMap(snippetsOf);

function snippetsOf(page: string): Snippet[] {
  const found: Snippet[] = [];
  const text = readFileSync(join(root, page), 'utf8');
  for (const match of text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    const line = text.slice(0, match.index).split('\n').length;
    found.push({ page, line, language: match[1] ?? '', code: match[2] ?? '' });
  }
  return found;
}

/** Snippets in the middle of a guide go on with the engine of its beginning. */
function asModule({ code }: Snippet, isTypeScript: boolean): string {
  const needsEngine = /\betcd\./.test(code) && !/\betcd = /.test(code);
  if (!needsEngine) return `${code}\nexport {};\n`;
  const declared = isTypeScript
    ? "declare const etcd: import('etcd-vigil').Etcd;"
    : "const etcd = /** @type {import('etcd-vigil').Etcd} */ (/** @type {unknown} */ (undefined));";
  return `${declared}\n${code}\nexport {};\n`;
}

/** The compiler's complaints about the files given by name and text. */
function compile(files: ReadonlyMap<string, string>): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowJs: true,
    checkJs: true,
    paths: {
      'etcd-vigil': [join(root, 'src/main/index.ts')],
      'etcd-vigil/relation': [join(root, 'src/main/relation/index.ts')],
    },
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, version) => {
    const text = host.readFile(name);
    return text === undefined ? undefined : ts.createSourceFile(name, text, version);
  };
  const program = ts.createProgram({ rootNames: [...files.keys()], options, host });
  return ts.getPreEmitDiagnostics(program).flatMap(({ file, start, messageText }) => {
    if (file === undefined || !files.has(file.fileName)) return [];
    const { line } = file.getLineAndCharacterOfPosition(start ?? 0);
    return [
      `${file.fileName.slice(root.length)}:${String(line + 1)} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    ];
  });
}

describe('README and guides', () => {
  it('have code that compiles against the public types', () => {
    const code = snippets.filter(({ language }) => language === 'ts' || language === 'js');
    expect(code.length).toBeGreaterThan(15);
    const files = code.map((snippet) => {
      const name = `${snippet.page.replaceAll(/\W/g, '-')}-line-${String(snippet.line)}.${snippet.language}`;
      return [join(root, 'snippets', name), asModule(snippet, snippet.language === 'ts')] as const;
    });
    expect(compile(new Map(files))).toEqual([]);
  });

  it('would be caught using a name that does not exist', () => {
    const name = join(root, 'snippets/wrong.js');
    expect(compile(new Map([[name, "import { connekt } from 'etcd-vigil';\nvoid connekt;\n"]]))).toHaveLength(1);
  });

  it('use `await using` only in TypeScript: Node 20 does not know it', () => {
    const plain = snippets.filter(({ language, code }) => language === 'js' && code.includes('await using'));
    expect(plain).toEqual([]);
  });

  it('name only commands and options that exist', () => {
    const program = makeProgram({ run: () => Promise.resolve() });
    const lines = snippets
      .filter(({ language }) => language === 'sh')
      .flatMap(({ page, code }) => code.split('\n').map((text) => ({ page, words: text.trim().split(/\s+/) })))
      .filter(({ words }) => words[0] === 'vigil');
    expect(lines.length).toBeGreaterThan(10);
    for (const { page, words } of lines) {
      let command = program;
      let rest = words.slice(1);
      for (let next = find(command, rest[0]); next !== undefined; next = find(command, rest[0])) {
        command = next;
        rest = rest.slice(1);
      }
      expect(command, `${page}: ${words.join(' ')}`).not.toBe(program);
      for (const flag of rest.filter((word) => word.startsWith('--'))) {
        const known = command.options.map(({ long }) => long);
        expect(known, `${page}: ${words.join(' ')}`).toContain(flag);
      }
    }
  });

  it('have links that lead to files', () => {
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
        expect(existsSync(join(root, dirname(page), target)), `${page}: ${target}`).toBe(true);
      }
    }
  });
});

function find(command: ReturnType<typeof makeProgram>, name = ''): ReturnType<typeof makeProgram> | undefined {
  return command.commands.find((candidate) => candidate.name() === name);
}
