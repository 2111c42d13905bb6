import { setTimeout as sleep } from "node:timers/promises";
import { type DirectoryFacts, readFacts } from "coterie/directory";
import { Histogram } from "../load/histogram.ts";
import { Meter, randomSource } from "../load/meter.ts";
import { PacedWriters } from "../load/paced-writers.ts";
import { cpuSeconds, machineCpuSeconds } from "../load/process-cpu.ts";
import { encodeRespRequests } from "../load/resp-requests.ts";
import { jobDefaults, runLoad } from "../load/run-load.ts";
import { figure, type Gate, type SuiteReport, type Table } from "../report.ts";
import type { Bench, Suite } from "../suite.ts";
import { ask } from "../systems/ask.ts";
import { startBalanced } from "../systems/balanced.ts";
import { lastWords } from "../systems/children.ts";
import { type CoterieSystem, startJoiner } from "../systems/coterie.ts";

const shards = 64;
const keyCount = 1_000_000;
const keyCountQuick = 100_000;
const fillsMax = 4;
const load = { connections: 32, thinkMs: 20 };
const windowMs = 2_000;
const quietWindows = 10;
const movedMin = 0.2;
const movedMax = 0.3;
const moveMsMax = 60_000;
/** When the move is given up. */
const moveMsLast = 600_000;
const latencyFactorMax = 3;
const lookMs = 100;
/** Nothing has moved for so long: the move is over. Longer than between two looks of the planner. */
const restMs = 4_000;

/** What the clients saw in one stretch of time. */
interface Window {
  readonly atMs: number;
  readonly isDuringMove: boolean;
  readonly operations: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** By server, the joiner last: of one core. */
  readonly serverCores: readonly number[];
  readonly otherCores: number;
  /** Replicas that the joiner has by then. */
  readonly arrived: number;
}

interface Move {
  readonly replicas: number;
  readonly moved: number;
  /** From the joiner's start. */
  readonly joinedMs: number;
  readonly firstMs: number;
  readonly doneMs: number;
}

export const rebalanceSuite: Suite = {
  name: "rebalance",
  summary: "a fourth node joins three with 1 million keys under load: what moves, how long, and what writes notice",
  run: async (bench) => {
    const keys = bench.options.isQuick ? keyCountQuick : keyCount;
    bench.progress(`rebalance: three nodes, ${keys} keys`);
    const system = await startBalanced(bench.premises, shards);
    try {
      await fill(system, keys);
      return await observe(bench, system, keys);
    } finally {
      await system.stop();
    }
  },
};

/** Again where leaders changed meanwhile: what was there already stays as it is. */
async function fill({ targets }: CoterieSystem, keys: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const shape = { connections: 4, pipeline: 50, keyCount: keys };
      await runLoad({ ...jobDefaults, protocol: "resp", operation: "fill", targets, ...shape });
      return;
    } catch (error) {
      if (attempt === fillsMax || !(error instanceof Error && /TRYAGAIN|CLUSTERDOWN/.test(error.message))) throw error;
    }
  }
}

async function observe(bench: Bench, system: CoterieSystem, keys: number): Promise<SuiteReport> {
  const watch = new Watch(system, keys);
  try {
    await sleep(windowMs);
    watch.begin();
    for (let count = 0; count < quietWindows; count++) {
      await sleep(windowMs);
      watch.endWindow(false, 0);
    }
    bench.progress("rebalance: the fourth node joins");
    const move = await joinAndWait(bench, system, watch);
    const { errorCount, firstError } = watch.meter;
    if (errorCount > 0) throw new Error(`${errorCount} errors under load, the first: ${firstError}`);
    for (const { port } of system.targets) {
      const counted = await ask(port, ["DBSIZE"], 60_000);
      if (counted !== keys) throw new Error(`${counted} keys after the move, not ${keys}`);
    }
    return report(keys, move, watch);
  } finally {
    watch.close();
  }
}

async function joinAndWait(bench: Bench, system: CoterieSystem, watch: Watch): Promise<Move> {
  const port = system.targets[0]!.port;
  const before = placesIn(await directoryOf(port));
  const startMs = performance.now();
  const joiner = await startJoiner(bench.premises, "n4", system.nodes[0]!);
  watch.pids.push(joiner.pid);
  let joinedMs = Number.NaN;
  let firstMs = Number.NaN;
  let restSinceMs: number | undefined;
  let windowEndMs = performance.now() + windowMs;
  let said = -1;
  for (;;) {
    await sleep(lookMs);
    if (joiner.process.exitCode !== null) throw new Error(`the joiner has ended: ${lastWords(joiner)}`);
    const nowMs = performance.now();
    const facts = await directoryOf(port);
    const arrived = arrivedIn(facts, "n4");
    const node = facts.state.nodes.find(({ name }) => name === "n4");
    if (Number.isNaN(joinedMs) && node?.state === "active") joinedMs = nowMs - startMs;
    if (Number.isNaN(firstMs) && arrived > 0) firstMs = nowMs - startMs;
    if (nowMs >= windowEndMs) {
      watch.endWindow(true, arrived);
      windowEndMs += windowMs;
      if (arrived !== said)
        bench.progress(`rebalance: ${arrived} replicas after ${Math.round((nowMs - startMs) / 1_000)} s`);
      said = arrived;
    }
    restSinceMs = arrived > 0 && isAtRest(facts) ? (restSinceMs ?? nowMs) : undefined;
    if (restSinceMs !== undefined && nowMs - restSinceMs >= restMs) {
      const after = placesIn(facts);
      const moved = [...after].filter((place) => !before.has(place)).length;
      return { replicas: before.size, moved, joinedMs, firstMs, doneMs: restSinceMs - startMs };
    }
    if (nowMs - startMs > moveMsLast) throw new Error(`${arrived} replicas had moved after ${moveMsLast} ms`);
  }
}

async function directoryOf(port: number): Promise<DirectoryFacts> {
  return readFacts(String(await ask(port, ["COTERIE", "DIRECTORY"])));
}

/** A replica's id is its generation × 65536 + its node's number. */
function nodesOf(replicas: readonly number[]): readonly number[] {
  return replicas.map((id) => id % 65_536).sort((left, right) => left - right);
}

/** `shard@node` of all replicas that vote. */
function placesIn({ state }: DirectoryFacts): ReadonlySet<string> {
  return new Set(
    state.shards.flatMap(({ shard, report: { voters } }) => nodesOf(voters).map((node) => `${shard}@${node}`)),
  );
}

function arrivedIn({ state }: DirectoryFacts, name: string): number {
  const id = state.nodes.find((node) => node.name === name)?.id;
  return state.shards.filter(({ report: { voters } }) => id !== undefined && nodesOf(voters).includes(id)).length;
}

function isAtRest({ state }: DirectoryFacts): boolean {
  return state.shards.every(({ wish, report: { voters, learners } }) => {
    return learners.length === 0 && JSON.stringify(nodesOf(voters)) === JSON.stringify(wish);
  });
}

/** The clients, and what they see. */
class Watch {
  readonly windows: Window[] = [];
  readonly meter: Meter = new Meter();
  /** Of the servers. */
  readonly pids: number[];
  /** All writes before the move, and all during it. */
  readonly quiet: Histogram = new Histogram();
  readonly during: Histogram = new Histogram();
  readonly #writers: PacedWriters;
  #startMs = 0;
  #sinceMs = 0;
  #cpu: readonly number[] = [];
  #machineCpu = 0;

  constructor(system: CoterieSystem, keys: number) {
    this.pids = [...system.pids];
    const { requests } = encodeRespRequests({ ...jobDefaults, operation: "set", keyCount: keys });
    this.#writers = new PacedWriters({
      ...load,
      targets: system.targets,
      source: randomSource(requests, 1),
      meter: this.meter,
    });
  }

  /** Writes that were sent again because a leader had changed. */
  get retryCount(): number {
    return this.#writers.retryCount;
  }

  begin(): void {
    this.#startMs = performance.now();
    this.#renew();
  }

  endWindow(isDuringMove: boolean, arrived: number): void {
    const { histogram, operationCount } = this.meter;
    const nowMs = performance.now();
    const seconds = (nowMs - this.#sinceMs) / 1_000;
    const servers = this.#cpuTimes().map((now, at) => Math.max(0, now - (this.#cpu[at] ?? now)) / seconds);
    const total = (machineCpuSeconds() - this.#machineCpu) / seconds;
    this.windows.push({
      atMs: nowMs - this.#startMs,
      isDuringMove,
      operations: operationCount,
      p50: histogram.percentileUs(0.5) / 1_000,
      p99: histogram.percentileUs(0.99) / 1_000,
      max: histogram.maxUs / 1_000,
      serverCores: servers,
      otherCores: Math.max(0, total - servers.reduce((sum, each) => sum + each, 0)),
      arrived,
    });
    (isDuringMove ? this.during : this.quiet).add(histogram);
    this.#renew();
  }

  close(): void {
    this.#writers.close();
  }

  #renew(): void {
    this.meter.clear();
    this.#sinceMs = performance.now();
    this.#cpu = this.#cpuTimes();
    this.#machineCpu = machineCpuSeconds();
  }

  #cpuTimes(): readonly number[] {
    return this.pids.map((pid) => cpuSeconds([pid]));
  }
}

function report(keys: number, move: Move, watch: Watch): SuiteReport {
  const share = move.moved / move.replicas;
  const quietMs = watch.quiet.percentileUs(0.99) / 1_000;
  const duringMs = watch.during.percentileUs(0.99) / 1_000;
  const factor = duringMs / quietMs;
  const worst = Math.max(...watch.windows.filter(({ isDuringMove }) => isDuringMove).map(({ p99 }) => p99));
  const against = `three nodes, ${keys.toLocaleString("en-US")} keys`;
  const gates: Gate[] = [
    {
      name: "a fourth node joins: replicas moved",
      against,
      measure: "share of all",
      promise: `${movedMin * 100} to ${movedMax * 100} %`,
      measured: share,
      shown: `${(share * 100).toFixed(1)} %`,
      verdict: share >= movedMin && share <= movedMax ? "pass" : "MISS",
      beside: `${move.moved} of ${move.replicas}`,
    },
    {
      name: "a fourth node joins: until all has moved",
      against,
      measure: "time",
      promise: `< ${moveMsMax / 1_000} s`,
      measured: move.doneMs,
      shown: `${figure(move.doneMs / 1_000)} s`,
      verdict: move.doneMs < moveMsMax ? "pass" : "MISS",
      beside: `a member after ${figure(move.joinedMs / 1_000)} s, the first replica after ${figure(move.firstMs / 1_000)} s`,
    },
    {
      name: "a fourth node joins: writes meanwhile",
      against: "the same before",
      measure: "p99",
      promise: `≤ ${latencyFactorMax} ×`,
      measured: factor,
      shown: `${factor.toFixed(2)} ×`,
      verdict: factor <= latencyFactorMax ? "pass" : "MISS",
      beside: `${figure(duringMs)} beside ${figure(quietMs)} ms; worst window ${figure(worst)} ms; ${watch.retryCount} sent again`,
    },
  ];
  return {
    gates,
    tables: [windowTable(watch.windows)],
    notes: notesOf(),
    data: { keys, move, windows: watch.windows },
  };
}

function notesOf(): readonly string[] {
  return [
    `${load.connections} connections of the plain port, spread over the first three nodes, write one command each with ${load.thinkMs} ms (mean) between a reply and the next; windows of ${windowMs / 1_000} s. What a change of leaders refused (TRYAGAIN) is sent again, and takes as long as all attempts; no write failed otherwise, and every key was there at the end.`,
    "The time runs from the start of the fourth process until every shard is where it is to be, as the directory says.",
  ];
}

function windowTable(windows: readonly Window[]): Table {
  return {
    title: "Writes while a fourth node joins",
    columns: ["s", "move", "writes", "p50 ms", "p99 ms", "longest ms", "servers' cores", "others' cores", "arrived"],
    rows: windows.map((each) => [
      (each.atMs / 1_000).toFixed(0),
      each.isDuringMove ? "yes" : "no",
      String(each.operations),
      figure(each.p50),
      figure(each.p99),
      figure(each.max),
      each.serverCores.map((cores) => cores.toFixed(2)).join(" "),
      each.otherCores.toFixed(2),
      String(each.arrived),
    ]),
  };
}
