// Lint rules: typescript-eslint's strict, type-checked set, the habits of docs/architecture.md that a linter can hold, and nothing
// about layout (prettier's). Import directions between folders are dependency-cruiser's (.dependency-cruiser.cjs).
import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const GUARDED_TIMERS = 'Use the guarded timers that are passed in (src/wire/guarded-timers.ts).';
const timerNames = ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'];
const realTimers = [...timerNames, 'performance'].map((name) => ({
  name,
  message: 'Import it from src/wire/timers.ts: a fake one may stand in for the global.',
}));
const timerModules = ['timers', 'node:timers', 'timers/promises', 'node:timers/promises'];

export default defineConfig(
  globalIgnores([
    'dist/',
    'bench/dist/',
    'node_modules/',
    'coverage/',
    'bench/results/',
    'src/generated/',
    '.dependency-cruiser.cjs',
    // Compiled or run as a user of the packed tarball would, outside this project's settings.
    'test/types/consumer/',
  ]),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: ['tsconfig.test.json'], tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowAny: false, allowNullish: false, allowNever: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidOperator: true },
      ],
      // `while (true)` with its exits inside is how the read loops are written.
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      // Interfaces promise promises: a method may be async for its signature (and to turn throws into rejections).
      '@typescript-eslint/require-await': 'off',
      // Pure data holders and namespaced functions are written as functions here; classes with only statics do not occur.
      '@typescript-eslint/no-invalid-void-type': [
        'error',
        { allowAsThisParameter: true, allowInGenericTypeArguments: true },
      ],
      // `T | undefined` generics such as read<T>() document the caller's claim; the reviewer judges them, not the linter.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // String(cause) of whatever was thrown; objects in templates are still refused above.
      '@typescript-eslint/no-base-to-string': 'off',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'ExportSpecifier[exported.name="default"]', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of literals or a const object.' },
      ],
      eqeqeq: ['error', 'always'],
      'no-undef': 'off', // the type checker's
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 400 }],
      'no-console': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
    },
  },
  {
    // Fake timers of an application's tests must not stop the engine.
    files: ['src/{main,wire,grpc,member,workers}/**/*.ts'],
    ignores: ['src/main/cli/**', 'src/wire/timers.ts'],
    rules: {
      'no-restricted-globals': ['error', ...realTimers],
      'no-restricted-imports': ['error', ...timerModules],
    },
  },
  {
    // An exception in a callback must end the shard, and nothing else.
    files: ['src/{grpc,member,workers}/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...realTimers, { name: 'queueMicrotask', message: GUARDED_TIMERS }],
      'no-restricted-properties': ['error', { object: 'process', property: 'nextTick', message: GUARDED_TIMERS }],
      'no-restricted-imports': [
        'error',
        {
          paths: timerModules,
          patterns: [
            {
              group: ['**/wire/timers.js'],
              importNamePattern: '^(set|clear)',
              message: GUARDED_TIMERS,
            },
          ],
        },
      ],
    },
  },
  {
    files: ['src/main/cli/**/*.ts'],
    // The one part of the package that prints.
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**', 'bench/**', 'examples/**', 'scripts/**'],
    rules: {
      // Tests state conditions that hold by type, to show that they hold at run time too.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off', // expect.any(), JSON.parse of tool output
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unsafe-enum-assignment': 'off', // tests script status codes that no enum has
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['eslint.config.js', 'vitest.config.ts', 'test/soak/vitest.config.ts'],
    // These tools read a default export.
    rules: { 'no-restricted-syntax': 'off' },
  },
  // Not part of tsconfig.test.json: the plugins' own types take longer to check than this whole project.
  { files: ['eslint.config.js'], extends: [tseslint.configs.disableTypeChecked] },
);
