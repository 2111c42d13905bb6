/**
 * `npm run sim`: runs of a whole cluster in virtual time, seed by seed. This is a program: it reads its arguments,
 * writes to the terminal and sets the exit code, which the rest of this folder leaves alone.
 */
import { parseArgs } from "node:util";
import { ClusterSimulation, type SimulationReport } from "./cluster-simulation.ts";
import { describeFault } from "./fault.ts";
import { SimulatedExit } from "./process.ts";
import { drawScenario } from "./scenario.ts";

const usage = `Usage: npm run sim -- [options]

Runs whole clusters in virtual time, with everything drawn from a seed: sizes, speeds, commands, faults.
Ends with exit code 1 at the first run in which something happened that must not.

  --seed N        run this seed alone
  --seconds S     run one seed after the other for S seconds (default 30)
  --from N        begin with this seed (default: anywhere)
  --trace         tell the story of the run, one line an event
  --until MS      end each run at this simulated time
  --twice         run each seed twice and compare (default: one seed in twenty)
  --keep-going    go on after a failure
  --list          one line for each seed
  --help          show this

Examples:
  npm run sim -- --seconds 90
  npm run sim -- --seed 4711 --trace --until 12000
`;

interface Flags {
  readonly seed: number | undefined;
  readonly seconds: number;
  readonly from: number;
  readonly isTraced: boolean;
  readonly untilMs: number;
  readonly isTwice: boolean;
  readonly keepsGoing: boolean;
  readonly isListed: boolean;
}

/** The real clock, for as long as the globals are taken away. */
const realNowMs: () => number = performance.now.bind(performance);
const traceColumns = { timeMs: 12, name: 10 };

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

function parseFlags(): Flags | undefined {
  const { values } = parseArgs({
    options: {
      seed: { type: "string" },
      seconds: { type: "string" },
      from: { type: "string" },
      until: { type: "string" },
      trace: { type: "boolean", default: false },
      twice: { type: "boolean", default: false },
      "keep-going": { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  return {
    seed: values.seed === undefined ? undefined : wholeNumber("--seed", values.seed),
    seconds: wholeNumber("--seconds", values.seconds ?? "30"),
    from: wholeNumber("--from", values.from ?? String(Date.now() % 1_000_000_000)),
    isTraced: values.trace,
    untilMs: values.until === undefined ? Number.POSITIVE_INFINITY : wholeNumber("--until", values.until),
    isTwice: values.twice,
    keepsGoing: values["keep-going"],
    isListed: values.list || values.seed !== undefined,
  };
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new RangeError(`${name} takes a whole number, and "${text}" is none.`);
}

async function runSeed(seed: number, flags: Flags, isTraced: boolean): Promise<SimulationReport> {
  const scenario = drawScenario({ seed });
  const trace = (timeMs: number, name: string, text: string): void => {
    const time = timeMs.toFixed(3).padStart(traceColumns.timeMs);
    process.stdout.write(`${time} ${name.padEnd(traceColumns.name)} ${text}\n`);
  };
  if (isTraced) tellScenario(scenario);
  const simulation = new ClusterSimulation(scenario, isTraced ? trace : undefined);
  current = simulation;
  try {
    return await simulation.run(flags.untilMs);
  } finally {
    current = undefined;
  }
}

function tellScenario(scenario: ReturnType<typeof drawScenario>): void {
  const { faults, ...rest } = scenario;
  process.stdout.write(`${JSON.stringify(rest)}\n`);
  for (const { atMs, fault } of faults) {
    process.stdout.write(`will come ${atMs.toFixed(0)} ms after the start of the faults: ${describeFault(fault)}\n`);
  }
}

class Totals {
  seeds = 0;
  failed = 0;
  operations = 0;
  unknown = 0;
  faults = 0;
  leaders = 0;
  undecided = 0;
  simulatedMs = 0;

  add(report: SimulationReport): void {
    this.seeds++;
    this.failed += report.violations.length > 0 ? 1 : 0;
    this.operations += report.operationCount;
    this.unknown += report.unknownCount;
    this.faults += report.faultCount;
    this.leaders += report.leaderCount;
    this.undecided += report.isUndecided ? 1 : 0;
    this.simulatedMs += report.simulatedMs;
  }

  describe(from: number, elapsedMs: number): string {
    const numbers = [
      `${this.seeds} seeds from ${from}`,
      `${this.failed} failed`,
      `${this.undecided} undecided`,
      `${this.operations} operations (${this.unknown} of unknown outcome)`,
      `${this.faults} faults`,
      `${this.leaders} leaders`,
      `${(this.simulatedMs / 1000).toFixed(0)} simulated seconds in ${(elapsedMs / 1000).toFixed(1)}`,
    ];
    return `simulator: ${numbers.join(", ")}`;
  }
}

function tellSeed(report: SimulationReport): void {
  const { eventCount, faultCount, hash, operationCount, seed, simulatedMs } = report;
  const seconds = (simulatedMs / 1000).toFixed(1);
  process.stdout.write(`seed ${seed}: ${operationCount} operations, ${faultCount} faults, ${seconds} s, `);
  process.stdout.write(`${eventCount} events, hash ${hash}\n`);
}

function tellFailure(seed: number, violations: readonly string[]): void {
  process.stdout.write(`\nseed ${seed} failed:\n${violations.slice(0, 5).join("\n")}\n`);
  process.stdout.write(`replay it with:  npm run sim -- --seed ${seed} --trace\n\n`);
}

async function runAll(flags: Flags): Promise<Totals> {
  const totals = new Totals();
  const startedMs = realNowMs();
  const first = flags.seed ?? flags.from;
  for (let seed = first; ; seed++) {
    const report = await runSeed(seed, flags, flags.isTraced);
    const violations = [...report.violations];
    if (violations.length === 0 && (flags.isTwice || seed % 20 === 0)) {
      const again = await runSeed(seed, flags, false);
      if (again.hash !== report.hash) violations.push(`the same seed gave ${report.hash}, then ${again.hash} [C-2]`);
    }
    const resources = realResources();
    if (resources.length > 0) violations.push(`the run reached into the real world [X-1]: ${resources.join(", ")}`);
    totals.add({ ...report, violations });
    if (violations.length > 0) tellFailure(seed, violations);
    if (flags.isListed) tellSeed(report);
    if (flags.seed !== undefined) break;
    if (violations.length > 0 && !flags.keepsGoing) break;
    if (realNowMs() - startedMs > flags.seconds * 1000) break;
  }
  process.stdout.write(`${totals.describe(first, realNowMs() - startedMs)}\n`);
  return totals;
}

async function main(): Promise<number> {
  const flags = parseFlags();
  if (flags === undefined) {
    process.stdout.write(usage);
    return 0;
  }
  process.on("unhandledRejection", (error) => {
    // How a simulated process ends in the middle of asynchronous code.
    if (error instanceof SimulatedExit) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    if (current === undefined) throw error;
    current.violated(`a promise was rejected and nobody looked: ${text}`);
  });
  forbidRealWorld();
  const totals = await runAll(flags);
  return totals.failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nTry --help.\n`);
  process.exitCode = 2;
}
