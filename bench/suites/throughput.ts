import { figure, type SuiteReport, type Table } from "../report.ts";
import type { Bench, Suite } from "../suite.ts";
import { contenders, systemLabels } from "./contenders.ts";
import { caseName, type Measurement, type Measurements, measureRounds } from "./measure-rounds.ts";
import { casesFor, judge, type RatioGate, ratioGates } from "./throughput-gates.ts";

/** Above this share of a core a generator may be what limits the figure. */
const generatorCoresMax = 0.5;

/** Above this many cores in any row the machine was not ours: what the kernel does for us alone stays below it. */
const otherCoresMax = 0.3;

export const redisSuite: Suite = {
  name: "redis",
  summary: "SET and GET beside redis-server: throughput and CPU time",
  run: (bench) =>
    runThroughput(
      bench,
      ratioGates.filter((gate) => gate.peer !== "etcd"),
    ),
};

export const etcdSuite: Suite = {
  name: "etcd",
  summary: "SET and GET beside etcd: throughput and p99",
  run: (bench) =>
    runThroughput(
      bench,
      ratioGates.filter((gate) => gate.peer === "etcd"),
    ),
};

/** Both of the above in common rounds: a part of the default table. */
export const throughputSuite: Suite = {
  name: "throughput",
  summary: "SET and GET beside redis-server and etcd in common rounds",
  run: (bench) => runThroughput(bench, ratioGates),
};

async function runThroughput(bench: Bench, gates: readonly RatioGate[]): Promise<SuiteReport> {
  const measurements = await measureRounds(bench, casesFor(gates));
  return {
    gates: bench.options.isPeerOnly ? [] : gates.map((gate) => judge(gate, measurements)),
    tables: [detailTable(measurements)],
    notes: notesOn(measurements),
    data: measurements.all.map(({ contender, rounds, failure, ...rest }) => ({
      case: { operation: rest.case.operation, clients: rest.case.clients, pipeline: rest.case.pipeline },
      contender,
      rounds,
      failure,
    })),
  };
}

function detailTable(measurements: Measurements): Table {
  return {
    title: "Medians of all rounds",
    columns: [
      "load",
      "store",
      "ops/s",
      "lowest",
      "highest",
      "p50 ms",
      "p99 ms",
      "servers' µs/op",
      "servers' cores",
      "generator's cores",
      "others' cores",
    ],
    rows: measurements.all.map(detailRow),
  };
}

function detailRow(measurement: Measurement): string[] {
  const head = [caseName(measurement.case), contenders[measurement.contender].label];
  if (measurement.failure !== undefined) return [...head, `FAILED: ${measurement.failure}`];
  const speeds = measurement.rounds.map((result) => result.operationsPerSecond);
  const generator = measurement.median((result) => result.generatorCores);
  return [
    ...head,
    figure(measurement.median((result) => result.operationsPerSecond)),
    figure(Math.min(...speeds)),
    figure(Math.max(...speeds)),
    figure(measurement.median((result) => result.latencyMsP50)),
    figure(measurement.median((result) => result.latencyMsP99)),
    figure(measurement.median((result) => result.serverCpuUsPerOperation)),
    figure(measurement.median((result) => result.serverCores)),
    `${generator.toFixed(2)}${generator > generatorCoresMax ? " !" : ""}`,
    medianOthers(measurement).toFixed(2),
  ];
}

function notesOn(measurements: Measurements): string[] {
  const notes = [
    "Keys of 16 bytes, values of 64 bytes, 100,000 random keys; all processes on this machine, over loopback.",
    "CPU time is the user and system time of all server processes together; others' cores are the kernel's own threads and whatever else the machine did.",
    "Redis + WAIT 1: a primary and two replicas with appendfsync always; a write is answered once the primary's and then one replica's fdatasync have returned. It is not a consensus: a failover may still lose it.",
    "etcd: three members; a put and a linearizable range over gRPC on hand-made HTTP/2 frames; one connection a client, and beside it 5 (at 256 clients: 8) clients a connection.",
  ];
  if (measurements.all.some((each) => each.failure === undefined && isFlagged(each))) {
    notes.push(
      `! The load generator took more than ${generatorCoresMax} cores: the figure is a lower bound for that store.`,
    );
  }
  const others = Math.max(...measurements.all.map((each) => (each.rounds.length > 0 ? medianOthers(each) : 0)));
  if (others > otherCoresMax) {
    notes.push(
      `The machine was busy with other work (up to ${others.toFixed(1)} cores of it): throughput and latency mean little.`,
    );
  }
  for (const [system, { why }] of measurements.absences)
    notes.push(`${systemLabels[system]} was not measured: ${why}.`);
  return notes;
}

function medianOthers(measurement: Measurement): number {
  return measurement.median((result) => result.otherCores);
}

function isFlagged(measurement: Measurement): boolean {
  return measurement.median((result) => result.generatorCores) > generatorCoresMax;
}
