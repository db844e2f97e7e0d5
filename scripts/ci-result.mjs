// Adds up the results of the test suites given as vitest's JSON; a skipped test, or a suite without tests, fails.
import { readFileSync } from "node:fs";
let passed = 0;
let failed = 0;
let skipped = 0;
for (const file of process.argv.slice(2)) {
  const result = JSON.parse(readFileSync(file, "utf8"));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  skipped += result.numPendingTests + result.numTodoTests;
  if (result.numPassedTests === 0) {
    console.error(`${file}: no test ran`);
    failed++;
  }
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed + skipped === 0 && passed > 0 ? 0 : 1;
