// Import directions (docs/architecture.md) and cycles, checked by `npm run deps:check`.
//
//   src/main -> src/wire <- src/workers        src/embedded -> src/wire
//   src/main, src/workers -> src/member -> src/grpc -> src/wire
//   src/main -> src/generated <- src/embedded  (protobuf code for unary calls, made by scripts/build.js)
//
//   src/main -> src/inline -> src/workers      (one dynamic import: a shard on the application's thread)
//
// Otherwise main reaches the shard's code by URL, or as source where a bundle has no files. Type-only imports count: a direction that only types break is broken too.

/** What each folder may import of src/ beside its own files. */
const folders = [
  { folder: 'wire', imports: [], comment: 'Both sides import src/wire; it imports neither.' },
  { folder: 'grpc', imports: ['wire'], comment: 'A transport carries messages and knows nothing of etcd.' },
  {
    folder: 'member',
    imports: ['grpc', 'wire'],
    comment: 'How a member is found and judged is the same on every thread.',
  },
  {
    folder: 'workers',
    imports: ['member', 'grpc', 'wire'],
    comment: 'A shard shares nothing with the main thread but the contract and the way to a member.',
  },
  {
    folder: 'main',
    except: '^src/main/cli/', // has a rule of its own
    imports: ['member', 'grpc', 'wire', 'generated', 'inline'],
    comment: 'Shard code is reached by URL or through src/inline, never by import.',
  },
  { folder: 'embedded', imports: ['wire', 'generated'], comment: 'The server knows nothing of its clients.' },
];

/** Packages that may be imported from one place only: a rule for each. */
const owners = {
  piscina: '^src/main/shard-pool\\.ts$',
  msgpackr: '^src/wire/open-batch\\.ts$',
  '@grpc/grpc-js': '^src/(grpc/grpc-js-|embedded/transport/)',
  commander: '^src/main/cli/',
  'cli-progress': '^src/main/cli/',
};

// What is started or imported from outside, so that no import leads there.
const entries = [
  '^src/main/index\\.ts$',
  '^src/main/cli/vigil\\.ts$',
  '^src/main/require-unsupported\\.cts$',
  '^src/main/relation/index\\.ts$',
  '^src/embedded/(index|testing)\\.ts$',
  // Entry files of threads, loaded by URL.
  '^src/workers/shard\\.ts$',
  // Likewise, made one text with what it imports.
  '^src/workers/source-thread\\.ts$',
  '^src/embedded/server-thread\\.ts$',
];

/** The pattern of a package's files, wherever it is installed. */
const inPackage = (name) => `(^|/)node_modules/${name}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A cycle, also one of types, has no first file to read.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      severity: 'error',
      comment: 'A file that nothing imports and that imports nothing is dead.',
      from: { orphan: true, pathNot: [...entries, '\\.d\\.ts$'] },
      to: {},
    },
    {
      name: 'no-unreachable',
      severity: 'error',
      comment: 'Code that no entry leads to is dead, even when its files import each other.',
      from: { path: entries },
      to: { path: '^src/', pathNot: ['\\.d\\.ts$', '^src/generated/', ...entries], reachable: false },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'only-declared-dependencies',
      severity: 'error',
      comment: 'What the package imports at run time is in "dependencies": a user has nothing else.',
      from: { path: '^src' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown', 'undetermined'],
        // The declarations that pbjs writes name it; protobufjs brings it along, and no public type reaches them.
        pathNot: inPackage('long'),
      },
    },
    ...folders.map(({ folder, except, imports, comment }) => ({
      name: `${folder}-imports-what-it-may`,
      severity: 'error',
      comment,
      from: { path: `^src/${folder}/`, ...(except === undefined ? {} : { pathNot: except }) },
      to: { path: '^src/', pathNot: `^src/(${[folder, ...imports].join('|')})/` },
    })),
    {
      name: 'wire-does-no-io',
      severity: 'error',
      comment: 'src/wire is pure: no files, sockets, threads or processes.',
      // endpoint.ts asks net.isIP(), which opens nothing.
      from: { path: '^src/wire/', pathNot: '^src/wire/endpoint\\.ts$' },
      to: { path: '^(node:)?(fs|net|tls|http|https|http2|dns|dgram|child_process|worker_threads|cluster)(/|$)' },
    },
    {
      name: 'inline-is-loaded-when-asked-for',
      severity: 'error',
      comment: 'Nothing of the workers is loaded into the application before it wants an inline shard.',
      from: { path: '^src/', pathNot: '^src/inline/' },
      to: { path: '^src/inline/', dependencyTypesNot: ['dynamic-import'] },
    },
    {
      name: 'inline-has-one-owner',
      severity: 'error',
      comment: 'Who starts threads decides who runs inline.',
      from: { path: '^src/', pathNot: '^src/(inline/|main/shard-pool\\.ts$)' },
      to: { path: '^src/inline/' },
    },
    {
      name: 'inline-is-a-door',
      severity: 'error',
      comment: 'It hands on the entry of the shard and knows nothing else.',
      from: { path: '^src/inline/' },
      to: { pathNot: '^src/workers/shard\\.ts$' },
    },
    {
      name: 'cli-uses-the-public-api',
      severity: 'error',
      comment:
        'What the command needs, a user needs too: it imports public entries only. The error classes are public as well, and ' +
        'come from their own file, since the main entry loads the engine.',
      from: { path: '^src/main/cli/' },
      to: {
        pathNot: [
          '^src/main/cli/',
          '^src/main/index\\.ts$',
          '^src/wire/errors\\.ts$',
          // Asked before anything else is loaded.
          '^src/wire/node-floor\\.ts$',
          '^src/main/relation/index\\.ts$',
          '^src/embedded/(index|testing)\\.ts$',
          inPackage('(commander|cli-progress|@types/cli-progress)'),
        ],
        dependencyTypesNot: ['core'],
      },
    },
    {
      name: 'cli-loads-the-engine-late',
      severity: 'error',
      comment:
        'Help and refusals need no engine: only what runs after connecting imports it, and lazy-connect.ts when called.',
      from: { path: '^src/main/cli/', pathNot: '^src/main/cli/demo/(writer|demo-leases)\\.ts$' },
      to: { path: '^src/main/index\\.ts$', dependencyTypesNot: ['type-only', 'dynamic-import'] },
    },
    {
      name: 'shards-do-not-open-batches',
      severity: 'error',
      comment: 'msgpackr is for main: a shard only seals.',
      from: { path: '^src/(workers|wire|embedded)/' },
      to: { path: '^src/wire/open-batch\\.ts$' },
    },
    {
      name: 'nothing-imports-cli-or-index',
      severity: 'error',
      comment: 'The library does not know its command, nor its own list of public names.',
      from: { path: '^src/', pathNot: '^src/main/cli/' },
      to: { path: '^src/main/(cli/|index\\.ts$)' },
    },
    {
      name: 'relation-knows-no-shards',
      severity: 'error',
      comment: 'The relation layer yields connection options.',
      from: { path: '^src/main/relation/' },
      to: { path: '^src/main/(shard-|placement|watch/|lease/)' },
    },
    {
      name: 'protobufjs-stays-out-of-hot-paths',
      severity: 'error',
      comment: 'Streams are decoded by hand; generated code is for unary calls and for the embedded server.',
      from: { path: '^src/', pathNot: '^src/(main|embedded|generated)/' },
      to: { path: inPackage('(protobufjs|long)') },
    },
    ...Object.entries(owners).map(([name, owner]) => ({
      name: `${name.replace(/^@.*\//, '')}-has-one-owner`,
      severity: 'error',
      comment: `${name} is imported only by files that match ${owner}.`,
      from: { path: '^src/', pathNot: owner },
      to: { path: inPackage(`(@types/)?${name}`) },
    })),
  ],
  options: {
    doNotFollow: { path: ['node_modules', '^src/generated/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
};
