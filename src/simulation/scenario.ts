import type { DiskSettings } from "./disk.ts";
import type { TimedFault } from "./fault.ts";
import { drawFaults } from "./fault-drawing.ts";
import type { NetworkSettings } from "./network.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Everything that a run is made of, drawn from its seed before it begins. */
export interface Scenario {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly network: Partial<NetworkSettings>;
  readonly disk: Partial<DiskSettings>;
  /** CPU time of a callback. */
  readonly callbackMs: number;
  readonly workload: Workload;
  /** How long things go wrong. */
  readonly faultsMs: number;
  readonly faults: readonly TimedFault[];
}

export interface Workload {
  readonly clients: number;
  /** Keys for texts, and as many for counters. */
  readonly keys: number;
  /** Commands of one connection that are under way at once. */
  readonly pipelineMax: number;
  /** The mean time between two bursts of one connection. */
  readonly thinkMs: number;
  /** A connection whose oldest command has waited for so long is given up. */
  readonly patienceMs: number;
  /** The part of the commands that only read. */
  readonly readShare: number;
  /** Bytes of the longest value. */
  readonly valueBytesMax: number;
  readonly protocol: 2 | 3;
  /** Connections end by themselves after about so many commands, some in the middle of one. */
  readonly commandsPerConnection: number;
}

export interface ScenarioOptions {
  readonly seed: number;
  /** Default 3. */
  readonly nodeCount?: number;
}

/** A swarm (Groce and others, 2012): what is switched on, and how much of it, is drawn for each seed anew. */
export function drawScenario(options: ScenarioOptions): Scenario {
  const { seed, nodeCount = 3 } = options;
  const random = new SeededRandom(seed);
  const nodes = Array.from({ length: nodeCount }, (_, index) => `n${index + 1}`);
  const faultsMs = random.pick([10_000, 20_000, 40_000]);
  return {
    seed,
    nodes,
    network: {
      latencyMs: random.pick([0.05, 0.2, 1, 10]),
      jitterMs: random.pick([0.02, 0.2, 2]),
      tailChance: random.pick([0, 0.001, 0.02]),
      tailMs: random.pick([5, 50]),
      lossChance: random.pick([0, 0, 0.001, 0.01]),
      splitChance: random.pick([0, 0.05, 0.5]),
      timeoutMs: random.pick([5_000, 20_000]),
      windowBytes: random.pick([4_096, 65_536, 262_144]),
    },
    disk: {
      syncMs: random.pick([0.1, 0.5, 5]),
      transferMs: random.pick([0.01, 0.1]),
      tailChance: random.pick([0, 0.001, 0.01]),
      tailMs: random.pick([10, 200]),
    },
    callbackMs: random.pick([0.002, 0.01, 0.05]),
    workload: {
      clients: random.integer(2, 6),
      keys: random.integer(2, 10),
      pipelineMax: random.pick([1, 1, 4, 16]),
      thinkMs: random.pick([20, 60, 200]),
      patienceMs: random.pick([1_000, 5_000, 20_000]),
      readShare: random.pick([0.2, 0.5, 0.8]),
      valueBytesMax: random.pick([16, 16, 1_000, 20_000]),
      protocol: random.pick([2, 3]),
      commandsPerConnection: random.pick([20, 200, 100_000]),
    },
    faultsMs,
    faults: drawFaults(random, nodes, faultsMs),
  };
}
