// Shows that wrong changes are caught: each mutant of test/simulation/mutants.json, a change of one line, is applied to a
// copy of the sources and has to fail the simulator, or the tests that it names (CONSENSUS X-9). Some are beyond the
// simulator: its recoveries come in one seed of thirty, for example.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const listFile = "test/simulation/mutants.json";
const usage = `Usage: npm run mutants -- [options]

Applies each one-line change of ${listFile} to a copy of the sources, and shows that it is caught.

  --only NAME,…   these mutants
  --seeds N       seeds until a mutant counts as not caught (default 200; X-9 allows 2,000)
  --from N        begin with this seed (default 1)
  --quick         by the tests that each names alone; those that name none are left out
  --simulator     by the simulator alone, also those that are marked as beyond it
  --state FILE    keep there what the simulator has said of each, and go on from that; more seeds add up
  --list          what there is; changes nothing, but looks for each line
  --help          show this
`;

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    quick: { type: "boolean", default: false },
    simulator: { type: "boolean", default: false },
    state: { type: "string" },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}

/** So many run in one process; one that is broken off loses no more than these. */
const seedsAtOnce = 4;
/** A seed takes some seconds. Beyond this a change has made a run endless, which is caught, too. */
const seedMsMax = 60_000;

/** The source with the change; throws if the line is not there exactly once. */
function mutated(source, { after, line, name, replacement, file }) {
  const lines = source.split("\n");
  const places = lines.flatMap((text, index) =>
    text === line && (after === undefined || lines[index - 1] === after) ? [index] : [],
  );
  if (places.length !== 1) {
    throw new Error(`mutant ${name}: ${file} has its line ${places.length} times. Bring ${listFile} up to date.`);
  }
  lines[places[0]] = replacement;
  return lines.join("\n");
}

const all = JSON.parse(readFileSync(join(root, listFile), "utf8"));
const only = values.only?.split(",");
if (values.quick && values.simulator) {
  console.error("--quick asks the tests alone, and --simulator the simulator alone. Give one of them.");
  process.exit(2);
}
const unknown = (only ?? []).filter((name) => !all.some((mutant) => mutant.name === name));
if (unknown.length > 0) {
  console.error(`There is no mutant ${unknown.join(", ")}. Try --list.`);
  process.exit(2);
}
const mutants = all.filter(
  ({ name, tests }) => (only === undefined || only.includes(name)) && (!values.quick || tests !== undefined),
);
// Before anything is run: a list that is out of date fails at once.
const changes = mutants.map((mutant) => ({
  mutant,
  text: mutated(readFileSync(join(root, mutant.file), "utf8"), mutant),
}));
if (values.list) {
  for (const { name, shows, tests } of mutants) {
    console.log(`${name.padEnd(32)} ${shows}${tests === undefined ? "" : ` (${tests.join(", ")})`}`);
  }
  process.exit(0);
}

/** By the names of mutants. */
const records =
  values.state !== undefined && existsSync(values.state) ? JSON.parse(readFileSync(values.state, "utf8")) : {};

const place = mkdtempSync(join(tmpdir(), "coterie-mutants-"));
process.once("exit", () => rmSync(place, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
for (const name of ["src", "test", "package.json", "tsconfig.base.json", "tsconfig.build.json", "vitest.config.ts"]) {
  cpSync(join(root, name), join(place, name), { recursive: true });
}
symlinkSync(join(root, "node_modules"), join(place, "node_modules"), "dir");

/** Of the compiler, what a mutant may leave behind: names that nobody uses any more, comparisons that never hold. */
const harmless = new Set(["TS2367", "TS6133", "TS6192", "TS6196", "TS6198"]);

/**
 * What does not fit the code any more fails by that, and shows nothing. Were nothing emitted, the mutant before would be judged
 * again.
 */
function build({ name }) {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  rmSync(join(place, "dist"), { recursive: true, force: true });
  const { stdout } = run([compiler, "-p", "tsconfig.build.json", "--pretty", "false"]);
  const wrong = stdout.split("\n").find((line) => {
    const code = /error (TS\d+)/.exec(line)?.[1];
    return code !== undefined && !harmless.has(code);
  });
  if (wrong !== undefined) throw new Error(`${name} does not fit the code any more: ${wrong}`);
  if (!existsSync(join(place, "dist/simulation/main.js"))) throw new Error("The compiler emits nothing.");
}

function run(args, options = {}) {
  return spawnSync(process.execPath, args, { cwd: place, encoding: "utf8", maxBuffer: 2 ** 28, ...options });
}

function isForSimulator({ isBeyondSimulator }) {
  return values.simulator || !(values.quick || isBeyondSimulator);
}

/** By what the mutant was caught, or undefined. */
function judge(mutant) {
  if (!values.simulator || isOpen(recordOf(mutant))) build(mutant);
  if (!isForSimulator(mutant)) return judgeByTests(mutant);
  const bySimulator = judgeBySimulator(mutant);
  if (bySimulator !== undefined || values.simulator || mutant.tests === undefined) return bySimulator;
  const byTests = judgeByTests(mutant);
  return byTests && `not in ${values.seeds} seeds; ${byTests}`;
}

function judgeByTests({ tests }) {
  const { status, stdout, stderr } = run(["node_modules/vitest/vitest.mjs", "run", "--reporter=json", ...tests]);
  if (status === 0) return undefined;
  // Tests that cannot even be run show nothing. A mutant may break the loading of their files, which counts.
  const start = stdout.indexOf("{");
  if (start < 0) throw new Error(`The tests cannot be run: ${(stderr || stdout).trim().split("\n").at(-1)}`);
  const { numFailedTests, numFailedTestSuites } = JSON.parse(stdout.slice(start));
  if (numFailedTests + numFailedTestSuites === 0) throw new Error(`The tests end with ${status}, and none fails.`);
  return `tests: ${tests.join(", ")}`;
}

/** What the simulator has said so far. A mutant that has become another one begins anew. */
function recordOf({ line, name, replacement }) {
  const change = `${line.trim()} => ${replacement.trim()}`.trim();
  const known = records[name];
  if (known?.change !== change) records[name] = { change, nextSeed: Number(values.from), seedsTried: 0 };
  return records[name];
}

function isOpen({ caughtBy, seedsTried }) {
  return caughtBy === undefined && seedsTried < Number(values.seeds);
}

function judgeBySimulator(mutant) {
  const record = recordOf(mutant);
  while (isOpen(record)) {
    const count = Math.min(seedsAtOnce, Number(values.seeds) - record.seedsTried);
    const caught = trySeeds(record.nextSeed, count);
    const tried = caught === undefined ? count : caught.seed - record.nextSeed + 1;
    record.seedsTried += tried;
    record.nextSeed += tried;
    if (caught !== undefined) record.caughtBy = `seed ${caught.seed}: ${caught.text}`;
    keepRecords();
  }
  const { caughtBy, seedsTried } = record;
  return caughtBy && `${seedsTried} ${seedsTried === 1 ? "seed" : "seeds"}, ${caughtBy}`;
}

/** The first of these seeds that fails, and how; undefined if none does. */
function trySeeds(from, count) {
  const args = ["dist/simulation/main.js", "--from", String(from), "--seeds", String(count)];
  const { error, signal, status, stdout, stderr } = run(args, { timeout: count * seedMsMax });
  if (status === 0) return undefined;
  if (error?.code === "ETIMEDOUT") return { seed: from + count - 1, text: "it, or one before, does not end" };
  // Somebody ended it, which says nothing.
  if (signal !== null) process.exit(130);
  const found = /^seed (\d+) failed:\n(.*)$/m.exec(stdout);
  if (found !== null) return { seed: Number(found[1]), text: found[2].slice(0, 100) };
  return { seed: from, text: `the simulator does not even run: ${(stderr || stdout).trim().split("\n").at(-1)}` };
}

function keepRecords() {
  if (values.state === undefined) return;
  writeFileSync(`${values.state}.new`, `${JSON.stringify(records, undefined, 2)}\n`);
  renameSync(`${values.state}.new`, values.state);
}

const isSimulatorAsked = mutants.some((mutant) => isForSimulator(mutant) && isOpen(recordOf(mutant)));
if (isSimulatorAsked || !values.simulator) {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"], {
    cwd: place,
    stdio: ["ignore", 2, 2],
  });
}
// A copy that fails without any change would catch everything.
const control = [...new Set(mutants.flatMap(({ tests }) => (values.simulator ? [] : (tests ?? []))))];
if (control.length > 0 && run(["node_modules/vitest/vitest.mjs", "run", "--reporter=dot", ...control]).status !== 0) {
  console.error("The named tests fail without any mutant.");
  process.exit(2);
}
if (isSimulatorAsked && run(["dist/simulation/main.js", "--seeds", "1", "--from", values.from]).status !== 0) {
  console.error("The simulator fails without any mutant.");
  process.exit(2);
}
let missedCount = 0;
for (const { mutant, text } of changes) {
  const path = join(place, mutant.file);
  const original = readFileSync(path, "utf8");
  writeFileSync(path, text);
  const caughtBy = judge(mutant);
  writeFileSync(path, original);
  if (caughtBy === undefined) missedCount++;
  console.log(`${caughtBy === undefined ? "MISSED" : "caught"} ${mutant.name.padEnd(32)} ${caughtBy ?? mutant.shows}`);
}
console.log(`${mutants.length - missedCount} of ${mutants.length} mutants caught`);
process.exit(missedCount === 0 ? 0 : 1);
