import type { NodeSettings } from "../cluster/index.ts";
import type { DiskSettings } from "./disk.ts";
import type { TimedFault } from "./fault.ts";
import { drawDamage, drawFaults } from "./fault-drawing.ts";
import type { NetworkSettings } from "./network.ts";
import { SeededRandom } from "./seeded-random.ts";

/** Everything that a run is made of, drawn from its seed before it begins. */
export interface Scenario {
  readonly seed: number;
  readonly nodes: readonly string[];
  /** Over how many shards the keys are divided. */
  readonly shards: number;
  readonly network: Partial<NetworkSettings>;
  readonly disk: Partial<DiskSettings>;
  /** CPU time of a callback. */
  readonly callbackMs: number;
  /** Of each node's wall clock from the world's. */
  readonly clockSkewsMs: readonly number[];
  readonly settings: Partial<NodeSettings>;
  readonly workload: Workload;
  /** How long things go wrong. */
  readonly faultsMs: number;
  readonly faults: readonly TimedFault[];
  /** Disks of more nodes are damaged than can be borne: the cluster may stop, and must not answer wrongly. */
  readonly isBeyondBudget: boolean;
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
  /** The part of the commands that go to one key. */
  readonly hotShare: number;
  /** Bytes of the longest value. */
  readonly valueBytesMax: number;
  /** The part of the values that are longer than an entry may be in one piece. */
  readonly hugeChance: number;
  /** The part of the commands that work on keys with short deadlines; what these answer is not judged. */
  readonly deadlineShare: number;
  /** Who loses a connection asks for what was not answered once more, elsewhere. */
  readonly retries: boolean;
  readonly protocol: 2 | 3;
  /** Connections end by themselves after about so many commands, some in the middle of one. */
  readonly commandsPerConnection: number;
  /** Clients besides, that send each command of a session again and again. */
  readonly sessionClients: number;
  /** A session that was not used for so long is gone. */
  readonly sessionTtlMs: number;
}

export interface ScenarioOptions {
  readonly seed: number;
  /** Default 3. */
  readonly nodeCount?: number;
  /** Default: drawn. */
  readonly shards?: number;
}

/** A swarm (Groce and others, 2012): what is switched on, and how much of it, is drawn for each seed anew. */
export function drawScenario(options: ScenarioOptions): Scenario {
  const { seed, nodeCount = 3 } = options;
  const random = new SeededRandom(seed);
  const nodes = Array.from({ length: nodeCount }, (_, index) => `n${index + 1}`);
  const faultsMs = random.pick([10_000, 10_000, 20_000, 20_000, 40_000, 80_000]);
  const wrongClock = random.pick(nodes);
  const workload = { ...drawWorkload(random), ...drawSessions(new SeededRandom(seed + sessionSeeds)) };
  const clients = clientNames(workload.clients);
  const faults = [...drawFaults(random, { nodes, clients, durationMs: faultsMs, wrongClock })];
  // A minority in each run that has any at all, and now and then more than that.
  const isBeyondBudget = random.chance(0.05);
  const isDamaged = isBeyondBudget || random.chance(0.3);
  const victimCount = Math.floor((nodeCount - 1) / 2) + (isBeyondBudget ? 1 : 0);
  const victims = random.shuffle([...nodes]).slice(0, isDamaged ? victimCount : 0);
  faults.push(...drawDamage(random, { victims, durationMs: faultsMs, isBeyondBudget }));
  const skewMsMax = random.pick([0, 0, 50, 200]);
  const wrongByMs = random.pick([0, 0, 0, -10_000, 10_000]);
  return {
    seed,
    nodes,
    network: drawNetwork(random),
    disk: {
      syncMs: random.pick([0.1, 0.5, 5]),
      transferMs: random.pick([0.01, 0.1]),
      tailChance: random.pick([0, 0.001, 0.01]),
      tailMs: random.pick([10, 200]),
    },
    callbackMs: random.pick([0.002, 0.01, 0.05]),
    clockSkewsMs: nodes.map(
      (node) => Math.round(random.between(-skewMsMax, skewMsMax)) + (node === wrongClock ? wrongByMs : 0),
    ),
    settings: { ...drawSettings(random), ...drawScrubbing(new SeededRandom(seed + scrubSeeds)) },
    workload,
    faultsMs,
    faults: faults.sort((left, right) => left.atMs - right.atMs),
    isBeyondBudget,
    // Drawn last: seeds from before there were shards are otherwise what they were.
    shards: options.shards ?? random.pick([1, 1, 3]),
  };
}

/** The machines of a run's clients. */
export function clientNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `c${index + 1}`);
}

/** The machines of those who use sessions. */
export function sessionClientNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `s${index + 1}`);
}

/** Added to a seed: what sessions draw shifts nothing else. */
export const sessionSeeds: number = 2 ** 40;

/** Added to a seed: what scrubbing draws shifts nothing else. */
const scrubSeeds: number = 2 ** 41;

/** Mostly often, so that all is read back beside whatever else happens. */
function drawScrubbing(random: SeededRandom): Partial<NodeSettings> {
  return {
    scrubIntervalMs: random.pick([604_800_000, 15_000, 4_000]),
    scrubBytesPerSecond: random.pick([4 * 2 ** 20, 100_000]),
  };
}

function drawSessions(random: SeededRandom): Pick<Workload, "sessionClients" | "sessionTtlMs"> {
  return {
    sessionClients: random.pick([0, 1, 2]),
    sessionTtlMs: random.pick([1_000, 5_000, 3_600_000, 3_600_000]),
  };
}

function drawNetwork(random: SeededRandom): Partial<NetworkSettings> {
  return {
    latencyMs: random.pick([0.05, 0.2, 1, 10]),
    jitterMs: random.pick([0.02, 0.2, 2]),
    tailChance: random.pick([0, 0.001, 0.02]),
    tailMs: random.pick([5, 50]),
    lossChance: random.pick([0, 0, 0.001, 0.01]),
    splitChance: random.pick([0, 0.05, 0.5]),
    timeoutMs: random.pick([5_000, 20_000]),
    windowBytes: random.pick([4_096, 65_536, 262_144]),
  };
}

/** Small limits reach what large ones reach after hours. */
function drawSettings(random: SeededRandom): Partial<NodeSettings> {
  return {
    segmentBytes: random.pick([64 * 2 ** 20, 2 ** 20, 256 * 1024, 128 * 1024]),
    logCacheBytes: random.pick([8 * 2 ** 20, 8 * 2 ** 20, 8 * 2 ** 20, 262_144]),
    batchesInFlightMax: random.pick([4, 4, 1, 16]),
    commitHintDelayMs: random.pick([2, 2, 0, 20]),
    readRoundsInFlightMax: random.pick([1, 1, 3]),
    checksumIntervalMs: random.pick([300_000, 2_000]),
    // One entry at a time parts what usually travels together, as in figure 8 of the paper.
    appendBytesMax: random.pick([256 * 1024, 256 * 1024, 1]),
    clockBandMs: 500,
    // What a deposed leader proposed is in doubt sooner or later.
    resolveWaitMs: random.pick([5_000, 1_000, 200]),
    snapshotLogBytesMin: random.pick([64 * 2 ** 20, 65_536, 8_192]),
    snapshotTailBytes: random.pick([16 * 2 ** 20, 8_192, 0]),
    snapshotLagBytesMax: random.pick([256 * 2 ** 20, 16_384]),
    snapshotRetryMs: 1_000,
    snapshotBytesPerSecond: random.pick([64 * 2 ** 20, 64 * 2 ** 20, 500_000]),
  };
}

function drawWorkload(random: SeededRandom): Omit<Workload, "sessionClients" | "sessionTtlMs"> {
  const hugeChance = random.pick([0, 0, 0, 0.002]);
  return {
    clients: random.integer(2, 6),
    keys: random.integer(2, 10),
    pipelineMax: random.pick([1, 1, 4, 16]),
    thinkMs: random.pick([20, 60, 200]),
    patienceMs: random.pick([1_000, 5_000, 20_000]),
    readShare: random.pick([0.2, 0.5, 0.8]),
    hotShare: random.pick([0, 0, 0.7]),
    valueBytesMax: random.pick([16, 16, 1_000, 20_000]),
    hugeChance,
    deadlineShare: random.pick([0, 0.05]),
    retries: random.chance(0.3),
    protocol: random.pick([2, 3]),
    commandsPerConnection: random.pick([20, 200, 100_000]),
  };
}
