import type { LoadResult } from "../load/job.ts";
import type { Gate } from "../report.ts";
import { type ContenderName, contenders } from "./contenders.ts";
import { caseName, type LoadCase, type Measurement, type Measurements } from "./measure-rounds.ts";

/** A promise about the ratio of Coterie's median to a peer's. */
export interface RatioGate {
  readonly operation: "set" | "get";
  readonly clients: number;
  readonly pipeline: number;
  readonly peer: "redisDurable" | "redisVolatile" | "etcd";
  readonly measure: "throughput" | "p99" | "CPU an operation";
  /** The least ratio for throughput, the greatest one for the others. */
  readonly bound: number;
}

/** What is promised about throughput, latency and CPU time, in the order of the printed table. */
export const ratioGates: readonly RatioGate[] = [
  gate("set", 50, 1, "redisDurable", "throughput", 1.0),
  gate("set", 256, 1, "redisDurable", "throughput", 1.0),
  gate("set", 50, 16, "redisDurable", "throughput", 1.2),
  gate("set", 256, 16, "redisDurable", "throughput", 1.2),
  gate("set", 50, 1, "etcd", "throughput", 3),
  gate("set", 50, 1, "etcd", "p99", 0.5),
  gate("set", 256, 1, "etcd", "throughput", 3),
  gate("set", 256, 1, "etcd", "p99", 0.5),
  gate("get", 50, 1, "etcd", "throughput", 5),
  gate("get", 50, 1, "redisVolatile", "throughput", 0.5),
  gate("get", 50, 16, "redisVolatile", "throughput", 0.5),
  gate("set", 256, 1, "redisDurable", "CPU an operation", 1.2),
  gate("set", 256, 16, "redisDurable", "CPU an operation", 1.2),
];

/** The load that the gates ask for, each case once, with the contenders that are printed beside. */
export function casesFor(gates: readonly RatioGate[]): LoadCase[] {
  const cases = new Map<
    string,
    { operation: "set" | "get"; clients: number; pipeline: number; names: Set<ContenderName> }
  >();
  for (const { operation, clients, pipeline, peer } of gates) {
    const key = `${operation} ${clients} ${pipeline}`;
    const soFar = cases.get(key) ?? { operation, clients, pipeline, names: new Set<ContenderName>(["coterie"]) };
    soFar.names.add(peer);
    soFar.names.add("coterieSpread");
    if (peer === "etcd") soFar.names.add("etcdShared");
    cases.set(key, soFar);
  }
  return [...cases.values()].map(({ names, ...rest }) => ({ ...rest, contenders: [...names] }));
}

/** Holds a promise against what was measured. */
export function judge(promise: RatioGate, measurements: Measurements): Gate {
  const find = (name: ContenderName): Measurement | undefined =>
    measurements.find(promise.operation, promise.clients, promise.pipeline, name);
  const head = {
    name: caseName(promise),
    against: contenders[promise.peer].label,
    measure: promise.measure,
    promise: `${isFloor(promise) ? "≥" : "≤"} ${promise.bound} ×`,
  };
  const [own, peer] = [find("coterie"), find(promise.peer)];
  if (own === undefined || peer === undefined) {
    const missing = own === undefined ? "coterie" : promise.peer;
    const absence = measurements.absences.get(contenders[missing].system);
    const verdict = absence?.isFailure === true ? "FAILED" : "skipped";
    return { ...head, measured: undefined, shown: "", verdict, beside: absence?.why ?? "not measured" };
  }
  const failure = own.failure ?? peer.failure;
  if (failure !== undefined) return { ...head, measured: undefined, shown: "", verdict: "FAILED", beside: failure };
  const ratio = ratioOf(promise, own, peer);
  const isKept = isFloor(promise) ? ratio >= promise.bound : ratio <= promise.bound;
  return {
    ...head,
    measured: ratio,
    shown: `${ratio.toFixed(2)} ×`,
    verdict: isKept ? "pass" : "MISS",
    beside: besides(promise, own, peer, find("coterieSpread"), find("etcdShared")),
  };
}

function besides(
  promise: RatioGate,
  own: Measurement,
  peer: Measurement,
  spread: Measurement | undefined,
  shared: Measurement | undefined,
): string {
  const parts: string[] = [];
  if (spread !== undefined && spread.failure === undefined) {
    parts.push(`spread ${ratioOf(promise, spread, peer).toFixed(2)} ×`);
  }
  if (promise.peer === "etcd" && shared !== undefined && shared.failure === undefined) {
    parts.push(`etcd over few connections ${ratioOf(promise, own, shared).toFixed(2)} ×`);
  }
  if (promise.peer === "redisVolatile") {
    // Redis runs its commands on one thread: with a generator that costs nothing it could do this much.
    const ceiling = 1e6 / peer.median((result) => result.serverCpuUsPerOperation);
    parts.push(`of Redis' ceiling by CPU ${(own.median(throughput) / ceiling).toFixed(2)} ×`);
  }
  return parts.join("; ");
}

function ratioOf(promise: RatioGate, own: Measurement, peer: Measurement): number {
  const pick = picks[promise.measure];
  return own.median(pick) / peer.median(pick);
}

const throughput = (result: LoadResult): number => result.operationsPerSecond;

const picks: Readonly<Record<RatioGate["measure"], (result: LoadResult) => number>> = {
  throughput,
  p99: (result) => result.latencyMsP99,
  "CPU an operation": (result) => result.serverCpuUsPerOperation,
};

function isFloor(promise: RatioGate): boolean {
  return promise.measure === "throughput";
}

function gate(
  operation: "set" | "get",
  clients: number,
  pipeline: number,
  peer: RatioGate["peer"],
  measure: RatioGate["measure"],
  bound: number,
): RatioGate {
  return { operation, clients, pipeline, peer, measure, bound };
}
