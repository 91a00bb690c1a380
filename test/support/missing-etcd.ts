/**
 * What a test run says when there is no etcd: which test files it leaves out, so that a green run is not read as more
 * than it is. Pure, apart from `announceMissingEtcd`, which prints in vitest's main process.
 */

/** The value of each `--project` of a vitest command line, and its file filters (vitest matches them as substrings). */
export function vitestSelection(argv: readonly string[]): { projects: string[]; filters: string[] } {
  const projects: string[] = [];
  const filters: string[] = [];
  const words = argv[0] === 'run' || argv[0] === 'watch' ? argv.slice(1) : argv;
  for (const [index, word] of words.entries()) {
    if (word.startsWith('--project=')) projects.push(word.slice('--project='.length));
    else if (words[index - 1] === '--project') projects.push(word);
    else if (/^(?:\.\/)?test\//.test(word)) filters.push(word.replace(/^\.\//, ''));
  }
  return { projects, filters };
}

/** Those of `files` (project name to its test files) that the command line asked for. */
export function selectedFiles(files: ReadonlyMap<string, readonly string[]>, argv: readonly string[]): string[] {
  const { projects, filters } = vitestSelection(argv);
  return [...files]
    .filter(([project]) => projects.length === 0 || projects.includes(project))
    .flatMap(([, names]) => names)
    .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)));
}

/** The text to print. */
export function missingEtcdBox(files: readonly string[], etcdBin: string | undefined): string {
  const reason =
    etcdBin === undefined || etcdBin === '' ? 'ETCD_BIN is not set and PATH has none.' : `ETCD_BIN is ${etcdBin}.`;
  const lines = [
    `NO ETCD FOUND: ${String(files.length)} TEST FILES DID NOT RUN`,
    `${reason} Install etcd 3.4 or 3.5, or set ETCD_BIN to its path.`,
    '',
    ...files,
  ];
  const width = Math.max(...lines.map((line) => line.length));
  const edge = `+${'='.repeat(width + 2)}+`;
  return ['', edge, ...lines.map((line) => `| ${line.padEnd(width)} |`), edge, ''].join('\n');
}

/**
 * Prints the box before the run and once more after it, where the totals are read; on a CI machine the run fails.
 * Vitest loads its config once for each project: only the first call counts.
 */
export function announceMissingEtcd(files: readonly string[]): void {
  const announced = Symbol.for('etcd-vigil.missing-etcd-announced');
  if (files.length === 0 || Reflect.has(globalThis, announced)) return;
  Reflect.set(globalThis, announced, true);
  const box = missingEtcdBox(files, process.env['ETCD_BIN']);
  process.stderr.write(`${box}\n`);
  process.on('exit', () => {
    process.stderr.write(`${box}\n`);
    const ci = process.env['CI'];
    if (ci !== undefined && ci !== '' && ci !== 'false') process.exitCode = 1;
  });
}
