// Sums vitest's JSON reports of a CI run: `node scripts/test-totals.js <folder of reports>`. Prints one line a report
// and, alone on the last line, "N passed, N failed". Ends non-zero when anything failed, was skipped, or did not run.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @typedef {object} Report
 * @property {boolean} success
 * @property {number} numPassedTests
 * @property {number} numFailedTests
 * @property {number} numPendingTests
 * @property {number} numTodoTests
 * @property {{ name: string, status: string, message: string, assertionResults: { status: string }[] }[]} testResults
 */

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: node scripts/test-totals.js <folder of reports>');

let passed = 0;
let failed = 0;
let skipped = 0;
const names = readdirSync(folder).filter((name) => name.endsWith('.json'));
for (const name of names.sort()) {
  const report = /** @type {Report} */ (JSON.parse(readFileSync(join(folder, name), 'utf8')));
  // A file that does not even load has no tests in it, and must not vanish from the sum.
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  for (const file of broken) console.log(`did not run: ${file.name}: ${file.message.split('\n')[0] ?? ''}`);
  // An unhandled error outside of any test fails a run without failing a test.
  const unattributed = !report.success && report.numFailedTests + broken.length === 0 ? 1 : 0;
  const reportFailed = report.numFailedTests + broken.length + unattributed;
  const reportSkipped = report.numPendingTests + report.numTodoTests;
  console.log(
    `${name.replace(/\.json$/, '')}: ${String(report.numPassedTests)} passed, ${String(reportFailed)} failed` +
      (reportSkipped > 0 ? `, ${String(reportSkipped)} SKIPPED` : ''),
  );
  passed += report.numPassedTests;
  failed += reportFailed;
  skipped += reportSkipped;
}
if (names.length === 0) console.log('no test ran');
console.log(`${String(passed)} passed, ${String(failed)} failed`);
if (failed > 0 || skipped > 0 || names.length === 0) process.exitCode = 1;
