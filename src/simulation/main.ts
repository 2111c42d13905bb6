/**
 * `npm run sim`: runs of a whole cluster in virtual time, seed by seed. This is a program: it reads its arguments,
 * writes to the terminal and sets the exit code, which the rest of this folder leaves alone.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ClusterSimulation, type SimulationReport } from "./cluster-simulation.ts";
import { describeFault } from "./fault.ts";
import { SimulatedExit } from "./process.ts";
import { drawScenario, type Scenario } from "./scenario.ts";
import { shrink } from "./shrinking.ts";
import { parseFlags, type SimulationFlags, usage } from "./simulation-options.ts";
import { Totals } from "./simulation-totals.ts";

/** The real clock, for as long as the globals are taken away. */
const realNowMs: () => number = performance.now.bind(performance);
const realWallMs: () => number = Date.now.bind(Date);
const root = fileURLToPath(new URL("../..", import.meta.url));
const traceColumns = { timeMs: 12, name: 10 };
/** Runs that shrinking may take. */
const shrinkRunsMax = 300;
const saveEveryMs = 5_000;

let current: ClusterSimulation | undefined;

/** Nothing in a simulated run may know the real time or real chance; whoever asks fails the run. */
function forbidRealWorld(): void {
  const forbidden = (name: string) => () => {
    throw new Error(`${name} was used in a simulated run`);
  };
  Object.assign(globalThis, { setTimeout: forbidden("setTimeout"), setInterval: forbidden("setInterval") });
  Date.now = forbidden("Date.now");
  Math.random = forbidden("Math.random");
  performance.now = forbidden("performance.now");
}

/** Real sockets, files and timers that a run has left behind: they are beyond the reach of its seed. */
function realResources(): readonly string[] {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|UDP|PipeServer|FS|Timeout|GetAddr)/.test(name));
}

function scenarioOf(seed: number, faults: readonly number[] | undefined): Scenario {
  const scenario = drawScenario({ seed });
  if (faults === undefined) return scenario;
  return { ...scenario, faults: scenario.faults.filter((_, index) => faults.includes(index + 1)) };
}

async function runScenario(scenario: Scenario, untilMs: number, isTraced: boolean): Promise<SimulationReport> {
  const trace = (timeMs: number, name: string, text: string): void => {
    const time = timeMs.toFixed(3).padStart(traceColumns.timeMs);
    process.stdout.write(`${time} ${name.padEnd(traceColumns.name)} ${text}\n`);
  };
  if (isTraced) tellScenario(scenario);
  const simulation = new ClusterSimulation(scenario, isTraced ? trace : undefined);
  current = simulation;
  try {
    return await simulation.run(untilMs);
  } finally {
    current = undefined;
  }
}

function tellScenario(scenario: Scenario): void {
  const { faults, ...rest } = scenario;
  process.stdout.write(`${JSON.stringify(rest)}\n`);
  for (const [index, { atMs, fault }] of faults.entries()) {
    process.stdout.write(`fault ${index + 1}, ${atMs.toFixed(0)} ms after their beginning: ${describeFault(fault)}\n`);
  }
}

function tellSeed(report: SimulationReport): void {
  const { eventCount, faultCount, hash, operationCount, seed, simulatedMs } = report;
  const seconds = (simulatedMs / 1000).toFixed(1);
  process.stdout.write(`seed ${seed}: ${operationCount} operations, ${faultCount} faults, ${seconds} s, `);
  process.stdout.write(`${eventCount} events, hash ${hash}\n`);
}

function tellFailure(seed: number, violations: readonly string[], commit: string): void {
  process.stdout.write(`\nseed ${seed} failed:\n${violations.slice(0, 5).join("\n")}\n`);
  const at = commit === "unknown" ? "" : ` --commit ${commit}`;
  process.stdout.write(`replay it with:  npm run sim -- --seed ${seed} --trace${at}\n`);
  process.stdout.write(`and look for the faults that matter with:  npm run sim -- --seed ${seed} --shrink${at}\n\n`);
}

async function judgeSeed(seed: number, flags: SimulationFlags): Promise<SimulationReport> {
  const scenario = scenarioOf(seed, flags.faults);
  const report = await runScenario(scenario, flags.untilMs, flags.isTraced);
  const violations = [...report.violations];
  if (violations.length === 0 && (flags.isTwice || seed % 20 === 0)) {
    const again = await runScenario(scenario, flags.untilMs, false);
    if (again.hash !== report.hash) violations.push(`the same seed gave ${report.hash}, then ${again.hash} [C-2]`);
  }
  const resources = realResources();
  if (resources.length > 0) violations.push(`the run reached into the real world [X-1]: ${resources.join(", ")}`);
  return { ...report, violations };
}

async function runAll(flags: SimulationFlags, commit: string): Promise<Totals> {
  const totals = new Totals(readState(flags), commit);
  const startedMs = realNowMs();
  let savedMs = startedMs;
  let doneMs = startedMs;
  for (let count = 1; ; count++) {
    const report = await judgeSeed(totals.record.nextSeed, flags);
    totals.add(report, realNowMs() - doneMs);
    doneMs = realNowMs();
    const hasFailed = report.violations.length > 0;
    if (hasFailed) tellFailure(report.seed, report.violations, commit);
    if (flags.isListed) tellSeed(report);
    const isLast =
      flags.seed !== undefined ||
      count >= flags.seeds ||
      (hasFailed && !flags.keepsGoing) ||
      doneMs - startedMs > flags.seconds * 1000;
    if (isLast || doneMs - savedMs > saveEveryMs) {
      writeState(flags, totals);
      savedMs = doneMs;
    }
    if (isLast) break;
  }
  if (flags.seed === undefined) process.stdout.write(`marks:\n${totals.describeMarks()}\n`);
  process.stdout.write(`${totals.describe()}\n`);
  return totals;
}

/** Runs the seed with fewer and fewer faults, for as long as it fails in the same way. */
async function runShrunk(seed: number, flags: SimulationFlags): Promise<number> {
  const scenario = scenarioOf(seed, flags.faults);
  const first = await runScenario(scenario, flags.untilMs, false);
  const kind = kindOf(first.violations);
  if (kind === undefined) {
    process.stdout.write(`seed ${seed} does not fail.\n`);
    return 0;
  }
  const numbers = drawScenario({ seed }).faults.map((_, index) => index + 1);
  const fails = async (candidate: readonly number[]): Promise<boolean> => {
    const report = await runScenario(scenarioOf(seed, candidate), flags.untilMs, false);
    return kindOf(report.violations) === kind;
  };
  const needed = await shrink(flags.faults ?? numbers, fails, shrinkRunsMax);
  const report = await runScenario(scenarioOf(seed, needed), flags.untilMs, flags.isTraced);
  process.stdout.write(`seed ${seed} fails with ${needed.length} of its ${numbers.length} faults:\n`);
  for (const number of needed) {
    const timed = drawScenario({ seed }).faults[number - 1];
    if (timed !== undefined) {
      process.stdout.write(`  ${number}: after ${timed.atMs.toFixed(0)} ms ${describeFault(timed.fault)}\n`);
    }
  }
  process.stdout.write(`${report.violations[0] ?? ""}\n`);
  const list = needed.length === 0 ? "none" : needed.join(",");
  process.stdout.write(`tell it with:  npm run sim -- --seed ${seed} --trace --faults ${list}\n`);
  return 1;
}

/** What went wrong, without when and where. */
function kindOf(violations: readonly string[]): string | undefined {
  return violations[0]
    ?.replace(/^at [\d.]+ ms: /, "")
    .replaceAll(/\bn\d+\b|\d+/g, "")
    .slice(0, 60);
}

function readState(flags: SimulationFlags): ConstructorParameters<typeof Totals>[0] {
  const nextSeed = flags.seed ?? flags.from ?? realWallMs() % 1_000_000_000;
  const { stateFile } = flags;
  if (stateFile === undefined || !existsSync(stateFile)) return { nextSeed };
  return { nextSeed, ...JSON.parse(readFileSync(stateFile, "utf8")) };
}

function writeState({ stateFile }: SimulationFlags, totals: Totals): void {
  if (stateFile === undefined) return;
  writeFileSync(`${stateFile}.new`, `${JSON.stringify(totals.record, undefined, 2)}\n`);
  renameSync(`${stateFile}.new`, stateFile);
}

/** The commit whose sources these are, as far as one can know; with changes it is none. */
function readCommit(): string {
  if (!existsSync(`${root}/.git`)) return "unknown";
  try {
    const git = (...args: readonly string[]): string =>
      execFileSync("git", ["-C", root, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return git("status", "--porcelain", "--", "src") === "" ? git("rev-parse", "--short", "HEAD") : "unknown";
  } catch {
    return "unknown";
  }
}

/** The same arguments without `--commit`, on that commit's sources. */
function runAtCommit(commit: string, args: readonly string[]): number {
  const rest = args.filter((arg, index) => !arg.startsWith("--commit") && args[index - 1] !== "--commit");
  const script = `${root}/scripts/simulate-commit.mjs`;
  return spawnSync(process.execPath, [script, commit, ...rest], { stdio: "inherit" }).status ?? 2;
}

async function main(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args);
  if (flags === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  if (flags.commit !== undefined) return runAtCommit(flags.commit, args);
  const commit = readCommit();
  process.on("unhandledRejection", (error) => {
    // How a simulated process ends in the middle of asynchronous code.
    if (error instanceof SimulatedExit) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (current === undefined) throw error;
    current.violated(`a promise was rejected and nobody looked: ${text}`);
  });
  forbidRealWorld();
  // Stacks of errors that are caught, as of files that are not there, cost more than what is told of the others is worth.
  if (flags.seed === undefined) Error.stackTraceLimit = 0;
  if (flags.isShrunk && flags.seed !== undefined) return runShrunk(flags.seed, flags);
  const totals = await runAll(flags, commit);
  if (totals.isMarkOverdue) {
    process.stdout.write(`marks that no run has passed: ${totals.missedMarks.join("; ")}\n`);
    return 1;
  }
  return totals.record.failedSeeds.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nTry --help.\n`);
  process.exitCode = 2;
}
