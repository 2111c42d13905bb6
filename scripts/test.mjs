// Runs every check and ends with a line that counts what ran. `--quick` leaves out what needs real processes and long runs.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const isQuick = process.argv.includes("--quick");
const report = join(root, ".build", "vitest.json");

let passed = 0;
let failed = 0;

function node(args) {
  const [script, ...rest] = args;
  const { status } = spawnSync(process.execPath, [join(root, script), ...rest], { cwd: root, stdio: ["ignore", 1, 2] });
  return status === 0;
}

/** A check that passes or fails as one. */
function check(name, args) {
  const startedMs = Date.now();
  const isGood = node(args);
  if (isGood) passed++;
  else failed++;
  console.log(`${isGood ? "ok  " : "FAIL"} ${name} (${((Date.now() - startedMs) / 1000).toFixed(1)} s)`);
}

check("types", ["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]);
check("lint and format", ["node_modules/@biomejs/biome/bin/biome", "check", "."]);

mkdirSync(join(root, ".build"), { recursive: true });
rmSync(report, { force: true });
const scope = isQuick ? ["src", "test/tidy.test.ts"] : [];
const isRunGood = node([
  "node_modules/vitest/vitest.mjs",
  "run",
  "--reporter=dot",
  "--reporter=json",
  `--outputFile.json=${report}`,
  ...scope,
]);
if (existsSync(report)) {
  const counts = JSON.parse(readFileSync(report, "utf8"));
  passed += counts.numPassedTests;
  failed += counts.numFailedTests;
  const left = counts.numTotalTests - counts.numPassedTests - counts.numFailedTests;
  // A suite that could not even be loaded counts no test; a test that was left out is no success.
  if (left > 0 || (counts.numFailedTests === 0 && !isRunGood)) failed += Math.max(left, 1);
  if (counts.numTotalTests === 0) failed++;
} else {
  failed++;
}

if (existsSync(join(root, "dist/simulation/main.js"))) {
  // The same seeds every time: a change is judged by what it did, not by the draw. Other seeds: npm run sim.
  check("simulator", ["dist/simulation/main.js", "--from", "1", "--seconds", isQuick ? "10" : "60"]);
}

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
