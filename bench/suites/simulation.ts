import {
  ClusterSimulation,
  checkLinearizability,
  HistoryRecorder,
  type KeyValueInput,
  type KeyValueOutput,
  keyValueSpecification,
  plainScenario,
  SeededRandom,
} from "coterie/simulation";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import { median } from "../statistics.ts";
import type { Bench, Suite } from "../suite.ts";

const simulatedMs = 20_000;
const clients = 10;
const operationsPerSecond = 1_000;
const speedMin = 200;
/** Rounds until the compiler has seen the code: what a run of thousands of seeds pays once. */
const warmUpRounds = 2;
const checked = { operations: 100_000, keys: 1_000, clients: 50, unknown: 0.01, msMax: 10_000 };

/** One workload's rounds. */
interface Speed {
  /** Commands of a client in one burst, on the average. */
  readonly burst: number;
  /** Simulated seconds of the whole cluster for a second of this process' CPU time. */
  readonly factor: number;
  readonly operationUs: number;
  readonly eventsPerOperation: number;
  readonly operationsPerSecond: number;
}

export const simulationSuite: Suite = {
  name: "simulation",
  summary: "simulated seconds of three nodes a CPU second, and the linearizability checker",
  run: async (bench) => {
    const speeds: Speed[] = [];
    for (const burst of [1, 10, 100]) speeds.push(await measureSpeed(bench, burst));
    bench.progress("simulation: the checker");
    const checkMs = measureCheck();
    return report(speeds, checkMs);
  },
};

function report(speeds: readonly Speed[], checkMs: number): SuiteReport {
  const [single, ...bursts] = speeds;
  const name = "the checker, 100,000 operations over 1,000 keys";
  const gates: Gate[] = [
    {
      name: "three nodes under 1,000 operations/s",
      against: "a CPU second",
      measure: "simulated seconds",
      promise: `>= ${speedMin}`,
      measured: single?.factor,
      shown: figure(single?.factor ?? 0),
      verdict: (single?.factor ?? 0) >= speedMin ? "pass" : "MISS",
      beside: bursts.map(({ burst, factor }) => `bursts of ${burst}: ${figure(factor)}`).join(", "),
    },
    {
      name,
      against: "-",
      measure: "time",
      promise: `<= ${checked.msMax / 1000} s`,
      measured: checkMs,
      shown: `${figure(checkMs / 1000)} s`,
      verdict: checkMs <= checked.msMax ? "pass" : "MISS",
      beside: "one in a hundred of unknown outcome",
    },
  ];
  const table = {
    title: "Three simulated nodes without faults",
    columns: ["commands in a burst", "operations/s", "simulated s/CPU s", "us/operation", "events/operation"],
    rows: speeds.map((each) => [
      String(each.burst),
      figure(each.operationsPerSecond),
      figure(each.factor),
      figure(each.operationUs),
      figure(each.eventsPerOperation),
    ]),
  };
  const notes = [
    "CPU time is that of the whole process, the garbage collector's and the compiler's threads included; the check of the history at the end is in it.",
  ];
  return { gates, tables: [table], notes, data: { speeds, checkMs } };
}

/** The median of `rounds` runs of seeds of their own, in CPU time. */
async function measureSpeed({ options, progress }: Bench, burst: number): Promise<Speed> {
  const rounds: Speed[] = [];
  for (let round = 1; round <= warmUpRounds + options.rounds; round++) {
    progress(`simulation: bursts of ${burst}, round ${round - warmUpRounds}`);
    const before = process.cpuUsage();
    const { eventCount, operationCount, simulatedMs: ranMs, violations } = await runOnce(round, burst);
    const { user, system } = process.cpuUsage(before);
    if (violations.length > 0) throw new Error(`the simulation failed: ${violations[0]}`);
    if (round <= warmUpRounds) continue;
    rounds.push({
      burst,
      factor: (ranMs * 1000) / (user + system),
      operationUs: (user + system) / operationCount,
      eventsPerOperation: eventCount / operationCount,
      operationsPerSecond: (operationCount / ranMs) * 1000,
    });
  }
  const middle = (of: (speed: Speed) => number): number => median(rounds.map(of));
  return {
    burst,
    factor: middle(({ factor }) => factor),
    operationUs: middle(({ operationUs }) => operationUs),
    eventsPerOperation: middle(({ eventsPerOperation }) => eventsPerOperation),
    operationsPerSecond: middle((speed) => speed.operationsPerSecond),
  };
}

function runOnce(seed: number, burst: number) {
  const pipelineMax = 2 * burst - 1;
  const thinkMs = (burst * clients * 1000) / operationsPerSecond;
  const scenario = plainScenario(seed);
  const work = { clients, keys: 50, pipelineMax, thinkMs, patienceMs: 5_000, valueBytesMax: 64 };
  return new ClusterSimulation({
    ...scenario,
    faultsMs: simulatedMs,
    workload: { ...scenario.workload, ...work, commandsPerConnection: 1_000_000 },
  }).run();
}

function measureCheck(): number {
  const history = drawHistory();
  const before = process.cpuUsage();
  const verdict = checkLinearizability(history, keyValueSpecification);
  const { user, system } = process.cpuUsage(before);
  if (verdict.kind !== "passed") throw new Error(`the checker says ${verdict.kind} of a correct history`);
  return (user + system) / 1000;
}

/** What clients of a correct store record: each operation takes effect at a random moment while it is open. */
function drawHistory() {
  const random = new SeededRandom(1);
  const recorder = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  const values = new Map<string, string>();
  const open = new Map<
    number,
    { readonly operation: number; readonly input: KeyValueInput; output?: KeyValueOutput }
  >();
  for (let count = 0; count < checked.operations; ) {
    const client = random.integer(1, checked.clients);
    const asked = open.get(client);
    if (asked === undefined) {
      const key = `key ${random.integer(1, checked.keys)}`;
      const input: KeyValueInput = random.chance(0.5) ? { kind: "get", key } : { kind: "set", key, value: `v${count}` };
      open.set(client, { operation: recorder.invoke(client, input), input });
      count++;
    } else if (asked.output === undefined) {
      asked.output = asked.input.kind === "set" ? "OK" : (values.get(asked.input.key) ?? null);
      if (asked.input.kind === "set") values.set(asked.input.key, asked.input.value);
      if (random.chance(checked.unknown)) open.delete(client);
    } else {
      recorder.reply(asked.operation, asked.output);
      open.delete(client);
    }
  }
  return recorder.operations();
}
