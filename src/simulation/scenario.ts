import { type NodeSettings, nodeDefaults } from "../cluster/index.ts";
import { gossipDefaults } from "../gossip/index.ts";
import type { DiskSettings } from "./disk.ts";
import {
  drawMoves,
  drawMovesTakenBack,
  drawPlacement,
  placementSeeds,
  takenBackSeeds,
  type WantedMove,
} from "./drawn-placement.ts";
import type { TimedFault } from "./fault.ts";
import { drawDamage, drawFaults } from "./fault-drawing.ts";
import { drawMemberFaults, drawMembers, memberSeeds } from "./member-drawing.ts";
import type { NetworkSettings } from "./network.ts";
import { type DrawnRecovery, drawRecovery } from "./recovery-drawing.ts";
import { SeededRandom } from "./seeded-random.ts";
import { drawStages } from "./stage-drawing.ts";
import { drawTears } from "./tear-drawing.ts";
import { type DrawnVersions, drawVersions } from "./version-drawing.ts";

/** Everything that a run is made of, drawn from its seed before it begins. */
export interface Scenario {
  readonly seed: number;
  /** With which the cluster begins. */
  readonly nodes: readonly string[];
  /** Those that join later. */
  readonly joiners: readonly string[];
  /** Over how many shards the keys are divided. */
  readonly shards: number;
  /** Of each shard, as far as there are nodes. */
  readonly replicas: number;
  /** In the order of their times. */
  readonly moves: readonly WantedMove[];
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
  /** Clients go on until there are so many operations, though the faults be over. */
  readonly operationsMin: number;
  readonly faults: readonly TimedFault[];
  /** So long after their beginning the faults wait until there are so many operations: what follows may end all work. */
  readonly workFirstMs: number | undefined;
  /** Disks of more nodes are damaged than can be borne: the cluster may stop, and must not answer wrongly. */
  readonly isBeyondBudget: boolean;
  /** After all else most nodes are lost for good, and the others go on without them; undefined: not in this run. */
  readonly recovery?: DrawnRecovery | undefined;
  /** Undefined: all nodes are of one version. */
  readonly versions?: DrawnVersions | undefined;
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
  /** The mean time from the end of a connection until the next one is tried. */
  readonly reconnectMs: number;
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
  /** The mean time between two bursts of such a one. */
  readonly sessionThinkMs: number;
  /** A session that was not used for so long is gone. */
  readonly sessionTtlMs: number;
}

export interface ScenarioOptions {
  readonly seed: number;
  /** All of which keep every shard. Default: drawn. */
  readonly nodeCount?: number;
  /** Default: drawn. */
  readonly shards?: number;
}

/** What each run has at least (CONSENSUS X-10). */
export const faultsMin = 100;
export const operationsMin = 1_000;

/**
 * How quickly things go. Virtual time costs little and what happens in it costs much, so most runs are brisk: nodes tick
 * faster than in production, and all that goes wrong comes and goes in their election times. The others are slow and long,
 * for what goes by times that are not the nodes' ticks.
 */
interface Pace {
  readonly tickMs: number;
  readonly electionMs: number;
  /** The nodes' times beside those in production. */
  readonly scale: number;
  /** The mean time between two faults. */
  readonly meanGapMs: number;
}

const slowTickMs = nodeDefaults.tickMs;

function drawPace(random: SeededRandom, isDamaged: boolean): Pace {
  const isSlow = random.chance(0.1);
  // To make a replica anew takes seconds, however fast the nodes tick.
  const tickMs = isSlow ? slowTickMs : random.pick(isDamaged ? [20, 50] : [10, 20, 50]);
  const electionMs = tickMs * nodeDefaults.electionTicks;
  const meanGapMs = electionMs * random.pick(isSlow ? [0.2, 0.5, 1.5, 4] : [0.2, 0.5, 1, 2]);
  return { tickMs, electionMs, scale: tickMs / slowTickMs, meanGapMs };
}

/** Replicas move in seconds, however fast the nodes tick: where they do, there is time between the faults. */
function patient(pace: Pace, areMembersChanged: boolean): Pace {
  return areMembersChanged ? { ...pace, meanGapMs: Math.max(pace.meanGapMs, memberGapMs) } : pace;
}

const memberGapMs = 150;
const noMembers = { joiners: [], shards: undefined };

/** A swarm (Groce and others, 2012): what is switched on, and how much of it, is drawn for each seed anew. */
export function drawScenario(options: ScenarioOptions): Scenario {
  const { seed } = options;
  const random = new SeededRandom(seed);
  const placing = new SeededRandom(seed + placementSeeds);
  const placement = drawPlacement(placing);
  const nodeCount = options.nodeCount ?? placement.nodeCount;
  const replicas = options.nodeCount === undefined ? placement.replicas : Math.max(3, nodeCount);
  const first = Array.from({ length: nodeCount }, (_, index) => `n${index + 1}`);
  // A minority in each run that has any at all, and now and then more than that.
  const isBeyondBudget = random.chance(0.05);
  const isDamaged = isBeyondBudget || random.chance(0.3);
  const coming = new SeededRandom(seed + memberSeeds);
  const areMembersFixed = options.nodeCount !== undefined || isBeyondBudget;
  const { joiners, shards } = areMembersFixed ? noMembers : drawMembers(coming, nodeCount);
  const nodes = [...first, ...joiners];
  const pace = patient(drawPace(random, isDamaged), joiners.length > 0);
  const { electionMs, meanGapMs } = pace;
  const timesMs = drawTimes(random, meanGapMs);
  const faultsMs = (timesMs.at(-1) ?? 0) + meanGapMs;
  const wrongClock = random.pick(nodes);
  const workload = {
    ...drawWorkload(random, pace, faultsMs),
    ...drawSessions(new SeededRandom(seed + sessionSeeds), pace, faultsMs),
  };
  const plan = {
    nodes,
    areShardsMoved: nodes.length > replicas,
    clients: clientNames(workload.clients),
    timesMs,
    meanGapMs,
    durationMs: faultsMs,
    electionMs,
    wrongClock,
  };
  const faults = [...drawFaults(random, plan)];
  const victimCount = lossesBorne(nodes, replicas) + (isBeyondBudget ? 1 : 0);
  const victims = random.shuffle([...nodes]).slice(0, isDamaged ? victimCount : 0);
  const damage = drawDamage(random, { seed, victims, durationMs: faultsMs, electionMs, isBeyondBudget });
  faults.push(...damage, ...drawTears(seed, plan), ...drawStages(seed, plan));
  const skewMsMax = random.pick([0, 0, 50, 200]);
  const wrongByMs = random.pick([0, 0, 0, -10_000, 10_000]);
  const parts = {
    seed,
    nodes: first,
    joiners,
    network: drawNetwork(random, pace),
    disk: drawDisk(random, pace),
    callbackMs: random.pick([0.002, 0.01, 0.05]),
    clockSkewsMs: nodes.map(
      (node) => Math.round(random.between(-skewMsMax, skewMsMax)) + (node === wrongClock ? wrongByMs : 0),
    ),
    settings: {
      ...drawSettings(random, pace),
      ...drawScrubbing(new SeededRandom(seed + scrubSeeds), pace),
      gossip: drawGossip(new SeededRandom(seed + gossipSeeds), pace),
    },
    workload,
    faultsMs,
    operationsMin,
    workFirstMs: isBeyondBudget ? Math.min(...damage.map(({ atMs }) => atMs)) : undefined,
    isBeyondBudget,
    shards: options.shards ?? shards ?? placement.shards ?? random.pick([1, 1, 3]),
    replicas,
  };
  const areNodesKept = !areMembersFixed && joiners.length === 0;
  const { recovery, versions } = areNodesKept ? drawForKept({ ...parts, electionMs, isDamaged }) : nothingForKept;
  faults.push(...drawMemberFaults(coming, { ...parts, durationMs: faultsMs, isDamaged }), ...(versions?.faults ?? []));
  faults.sort((left, right) => left.atMs - right.atMs);
  return { ...parts, recovery, versions, faults, moves: drawAllMoves({ ...parts, nodes }, placing) };
}

/** What comes only where no nodes come or go. */
function drawForKept(
  of: Pick<Scenario, "seed" | "nodes" | "replicas" | "faultsMs"> & {
    readonly electionMs: number;
    readonly isDamaged: boolean;
  },
): Pick<Scenario, "recovery" | "versions"> {
  const { electionMs, faultsMs, isDamaged, nodes, replicas, seed } = of;
  const versions = drawVersions(seed, { nodes, durationMs: faultsMs, electionMs });
  const mayRecover = !isDamaged && versions === undefined;
  return { versions, recovery: mayRecover ? drawRecovery(seed, { nodes, replicas, electionMs }) : undefined };
}

const nothingForKept = { recovery: undefined, versions: undefined };

/** In the order of their times. */
function drawAllMoves(
  of: Parameters<typeof drawMoves>[1] & { readonly seed: number },
  placing: SeededRandom,
): Scenario["moves"] {
  const takenBack = drawMovesTakenBack(new SeededRandom(of.seed + takenBackSeeds), of);
  return [...drawMoves(placing, of), ...takenBack].sort((left, right) => left.atMs - right.atMs);
}

/** How many nodes may lose all that they have: of no shard is a majority gone then. */
export function lossesBorne(nodes: readonly string[], replicas: number): number {
  return Math.floor((Math.min(nodes.length, replicas) - 1) / 2);
}

function drawTimes(random: SeededRandom, meanGapMs: number): readonly number[] {
  let atMs = 0;
  return Array.from({ length: faultsMin }, () => {
    atMs += random.exponential(meanGapMs);
    return atMs;
  });
}

/** Nothing goes wrong, and nothing is drawn: defaults everywhere, and a few clients. For tests and benchmarks. */
export function plainScenario(seed: number): Scenario {
  return {
    seed,
    nodes: ["n1", "n2", "n3"],
    joiners: [],
    shards: 1,
    replicas: 3,
    moves: [],
    network: {},
    disk: {},
    callbackMs: 0.01,
    clockSkewsMs: [],
    settings: {},
    workload: {
      clients: 3,
      keys: 3,
      pipelineMax: 4,
      thinkMs: 20,
      patienceMs: 2_000,
      reconnectMs: 100,
      readShare: 0.5,
      hotShare: 0,
      valueBytesMax: 100,
      hugeChance: 0,
      deadlineShare: 0,
      retries: false,
      protocol: 3,
      commandsPerConnection: 200,
      sessionClients: 0,
      sessionThinkMs: 20,
      sessionTtlMs: 3_600_000,
    },
    faultsMs: 3_000,
    operationsMin: 0,
    faults: [],
    workFirstMs: undefined,
    isBeyondBudget: false,
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
function drawScrubbing(random: SeededRandom, { electionMs, scale }: Pace): Partial<NodeSettings> {
  return {
    scrubIntervalMs: random.pick([604_800_000, 15 * electionMs, 4 * electionMs]),
    scrubBytesPerSecond: random.pick([4 * 2 ** 20, 100_000 / scale]),
  };
}

/** Added to a seed: what gossip draws shifts nothing else. */
const gossipSeeds: number = 2 ** 42;

/** Most runs have none: it takes part in nothing that is judged. */
function drawGossip(random: SeededRandom, { scale }: Pace): NodeSettings["gossip"] {
  if (!random.chance(0.2)) return undefined;
  const times = Object.entries(gossipDefaults).map(([name, value]): [string, number] => {
    return [name, name.endsWith("Ms") ? value * scale : value];
  });
  return { ...gossipDefaults, ...Object.fromEntries(times) };
}

type SessionWork = Pick<Workload, "sessionClients" | "sessionThinkMs" | "sessionTtlMs">;

function drawSessions(random: SeededRandom, { electionMs }: Pace, faultsMs: number): SessionWork {
  return {
    sessionClients: random.pick([0, 1, 2]),
    // Each does something twice between two faults; what it has to bring to its end lets it do more.
    sessionThinkMs: faultsMs / (2 * faultsMin),
    sessionTtlMs: random.pick([Math.max(500, electionMs), 5 * electionMs, 3_600_000, 3_600_000]),
  };
}

function drawNetwork(random: SeededRandom, { electionMs, scale }: Pace): Partial<NetworkSettings> {
  return {
    latencyMs: random.pick([0.05, 0.2, 1, 0.01 * electionMs]),
    jitterMs: random.pick([0.02, 0.2, 2]),
    tailChance: random.pick([0, 0.001, 0.02]),
    tailMs: random.pick([5, 0.05 * electionMs]),
    lossChance: random.pick([0, 0, 0.001, 0.01]),
    splitChance: random.pick([0, 0.05, 0.5]),
    timeoutMs: random.pick([5, 20]) * electionMs,
    retransmitMs: 200 * scale,
    connectTimeoutMs: 10 * electionMs,
    synRetryMs: electionMs,
    windowBytes: random.pick([4_096, 65_536, 262_144]),
  };
}

function drawDisk(random: SeededRandom, { electionMs }: Pace): Partial<DiskSettings> {
  return {
    syncMs: random.pick([0.1, 0.5, 5]),
    transferMs: random.pick([0.01, 0.1]),
    tailChance: random.pick([0, 0.001, 0.01]),
    tailMs: random.pick([10, 0.2 * electionMs]),
  };
}

/** Small limits reach what large ones reach after hours. */
function drawSettings(random: SeededRandom, { electionMs, scale, tickMs }: Pace): Partial<NodeSettings> {
  const { links } = nodeDefaults;
  return {
    tickMs,
    electionWaitMs: 3 * electionMs,
    statusTimeoutMs: electionMs,
    links: {
      ...links,
      handshakeTimeoutMs: links.handshakeTimeoutMs * scale,
      dialWaitMsMin: links.dialWaitMsMin * scale,
      dialWaitMsMax: links.dialWaitMsMax * scale,
      silenceMsMax: links.silenceMsMax * scale,
      stallMsMax: links.stallMsMax * scale,
    },
    segmentBytes: random.pick([scale === 1 ? 64 * 2 ** 20 : 4 * 2 ** 20, 2 ** 20, 256 * 1024, 128 * 1024]),
    logCacheBytes: random.pick([8 * 2 ** 20, 8 * 2 ** 20, 8 * 2 ** 20, 262_144]),
    batchesInFlightMax: random.pick([4, 4, 1, 16]),
    // In half of all clusters by heartbeats.
    ...random.pick([
      { commitsByHeartbeat: true },
      { commitsByHeartbeat: true },
      { commitsByHeartbeat: false, commitHintDelayMs: 0 },
      { commitsByHeartbeat: false, commitHintDelayMs: 20 },
    ]),
    readRoundsInFlightMax: random.pick([1, 1, 3]),
    checksumIntervalMs: random.pick([300_000, Math.max(500, 2 * electionMs)]),
    // One entry at a time parts what usually travels together, as in figure 8 of the paper.
    appendBytesMax: random.pick([256 * 1024, 256 * 1024, 1]),
    clockBandMs: 500,
    // What a deposed leader proposed is in doubt sooner or later.
    resolveWaitMs: random.pick([5, 1, 0.2]) * electionMs,
    snapshotLogBytesMin: random.pick([64 * 2 ** 20, 65_536, 8_192]),
    snapshotTailBytes: random.pick([16 * 2 ** 20, 8_192, 0]),
    snapshotLagBytesMax: random.pick([256 * 2 ** 20, 16_384]),
    snapshotRetryMs: electionMs,
    snapshotBytesPerSecond: random.pick([64 * 2 ** 20, 64 * 2 ** 20, 500_000 / scale]),
  };
}

function drawWorkload(
  random: SeededRandom,
  { electionMs, scale }: Pace,
  faultsMs: number,
): Omit<Workload, keyof SessionWork> {
  const clients = random.integer(2, 6);
  const pipelineMax = random.pick([1, 1, 4, 16]);
  // What is not done while things go wrong is done afterwards, and finds less.
  const operationsWanted = operationsMin * random.pick([1.6, 1.6, 3]);
  const burstMean = (pipelineMax + 1) / 2;
  return {
    clients,
    keys: random.integer(2, 10),
    pipelineMax,
    thinkMs: Math.max(1, (clients * burstMean * faultsMs) / operationsWanted),
    patienceMs: random.pick([1.5, 5, 20]) * electionMs,
    reconnectMs: 100 * scale,
    readShare: random.pick([0.2, 0.5, 0.8]),
    hotShare: random.pick([0, 0, 0.7]),
    valueBytesMax: random.pick([16, 16, 1_000, 20_000]),
    hugeChance: random.pick([0, 0, 0, 0.002]),
    deadlineShare: random.pick([0, 0.05]),
    retries: random.chance(0.3),
    protocol: random.pick([2, 3]),
    commandsPerConnection: random.pick([20, 200, 100_000]),
  };
}
