import type { MarkName } from "../platform/index.ts";
import type {
  Damage,
  DamageKind,
  Fault,
  FaultKind,
  Link,
  MemberFaultKind,
  StagedFaultKind,
  TimedFault,
  VersionFaultKind,
} from "./fault.ts";
import { SeededRandom } from "./seeded-random.ts";

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
/** Of one loop: more of them find nothing that these do not. */
const crashesMax = 5;

/** How often each kind comes, if it is switched on at all. */
const weights: Readonly<
  Record<Exclude<FaultKind, DamageKind | MemberFaultKind | VersionFaultKind | StagedFaultKind | "tearWrite">, number>
> = {
  kill: 4,
  crashLoop: 1,
  cutPower: 4,
  pause: 3,
  stopAt: 3,
  slowNode: 1,
  cutLinks: 5,
  cutLeaders: 1,
  cutClient: 1,
  slowLink: 2,
  heavyTail: 1,
  lossyLink: 2,
  corruptLink: 1,
  garbleLink: 1,
  resetConnections: 2,
  stallDisk: 2,
  slowDisk: 1,
  failSync: 1,
  failOperation: 1,
  fullDisk: 1,
  shortWrites: 1,
  jumpClock: 2,
  driftClock: 1,
  freezeClock: 1,
};

type CommonKind = keyof typeof weights;

/** Where processes are stopped exactly: between things that a crash must not part. */
const stopMarks: readonly MarkName[] = [
  "an election is won",
  "a vote is refused for a shorter log",
  "a follower's tail is replaced",
  "an entry of an older term is not committed by counting",
  "a late write says nothing of newer entries",
  "a read waits for the first commit of the term",
  "a transfer tells its target to stand",
  "a torn tail is cut",
  "a segment is begun",
  "a batch is being written",
  "a batch is durable",
  "a read runs inside a batch",
  "a lost replica gets a successor",
  "a replica begins anew",
  "a received snapshot is installed",
  "a successor takes the vote over",
];

/** Of replicas that move, where any do. */
const moveMarks: readonly MarkName[] = [
  "a replica is added where it is wished",
  "a replica begins",
  "a replica gets its vote where it is wished",
  "a replica that has gone is destroyed",
];

export interface FaultPlan {
  readonly nodes: readonly string[];
  /** Whether shards are on some of the nodes, and move. */
  readonly areShardsMoved: boolean;
  readonly clients: readonly string[];
  /** When each fault begins, in order. */
  readonly timesMs: readonly number[];
  /** The mean time between two of them. */
  readonly meanGapMs: number;
  readonly durationMs: number;
  /** The nodes' election time: how long the longer faults last goes by it. */
  readonly electionMs: number;
  /** The one node whose clock may be far off: of a majority of wrong clocks nothing is promised. */
  readonly wrongClock: string;
}

/** A schedule of faults, in the order of their times. */
export function drawFaults(random: SeededRandom, plan: FaultPlan): readonly TimedFault[] {
  const { durationMs, meanGapMs, timesMs } = plan;
  const all = Object.keys(weights) as CommonKind[];
  const kinds = all.filter(() => random.chance(0.5));
  const lots = (kinds.length === 0 ? all : kinds).flatMap((kind) => new Array<CommonKind>(weights[kind]).fill(kind));
  // Were there always several at a time, little would be done in between.
  const lengthMs = meanGapMs * random.pick([0.2, 0.6, 2]);
  return timesMs.map((atMs) => {
    const leftMs = durationMs - atMs;
    const forMs = Math.min(1 + random.exponential(lengthMs), leftMs);
    return { atMs, fault: drawFault(random, random.pick(lots), { ...plan, forMs, leftMs }) };
  });
}

/**
 * Damage of what disks have acknowledged, on the nodes given: as many as the budget allows (CONSENSUS X-3), or more;
 * then only damage that the disk itself betrays, since a majority that has lost all it knew cannot know that either.
 */
export function drawDamage(
  random: SeededRandom,
  options: {
    readonly seed: number;
    readonly victims: readonly string[];
    readonly durationMs: number;
    readonly electionMs: number;
    readonly isBeyondBudget: boolean;
  },
): readonly TimedFault[] {
  const betrayed = ["flipBit", "flipBit", "misdirectWrite"] as const;
  const within = [...betrayed, "failReads", "loseFile", "loseFile", "damageAt", "loseDisk", "oldCopy"] as const;
  const { durationMs, electionMs, isBeyondBudget, seed } = options;
  const again = new SeededRandom(seed + againSeeds);
  const faults = options.victims.flatMap((node) =>
    Array.from({ length: random.integer(1, 2) }, (): TimedFault[] => {
      const kind = random.pick(isBeyondBudget ? betrayed : within);
      if (kind === "damageAt") return drawDamageAgain(random, { node, durationMs, electionMs });
      const atMs = random.between(0.2, 0.9) * durationMs;
      return [{ atMs, fault: drawOneDamage(random, kind, { node, leftMs: durationMs - atMs, electionMs }) }];
    }).flat(),
  );
  if (isBeyondBudget) return faults;
  const twice = options.victims.filter(() => again.chance(0.6));
  const seen = new SeededRandom(seed + witnessSeeds);
  const witnesses = options.victims.filter(() => seen.chance(0.5));
  return [
    ...faults,
    ...twice.flatMap((node) => drawDamageAgain(again, { node, durationMs, electionMs })),
    ...witnesses.map((node) => drawWitness(seen, { node, durationMs, electionMs })),
  ];
}

/** Added to a seed: what is drawn of replicas that are damaged while they are made anew shifts nothing else. */
const againSeeds = 2 ** 46;
/** And so what is drawn of those that had what others lacked. */
const witnessSeeds = 2 ** 49;

/** New records, and later those of the replica that is made anew for them. */
function drawDamageAgain(
  random: SeededRandom,
  options: { readonly node: string; readonly durationMs: number; readonly electionMs: number },
): TimedFault[] {
  const { durationMs, electionMs, node } = options;
  const atMs = random.between(0.1, 0.4) * durationMs;
  return (["a batch is durable", "a replica begins anew"] as const).map((mark): TimedFault => {
    const [afterMs, downMs] = [random.between(0, 0.5) * electionMs, 1 + random.exponential(electionMs / 4)];
    return { atMs, fault: { kind: "damageAt", node, mark, afterMs, downMs, forMs: durationMs - atMs } };
  });
}

function drawWitness(
  random: SeededRandom,
  { durationMs, electionMs, node }: { readonly node: string; readonly durationMs: number; readonly electionMs: number },
): TimedFault {
  const atMs = random.between(0.1, 0.7) * durationMs;
  const [lagMs, holdMs] = [random.between(1, 3) * electionMs, random.between(3, 6) * electionMs];
  const [flips, downMs] = [random.integer(1, 3), 1 + random.exponential(electionMs / 4)];
  return { atMs, fault: { kind: "damageWitness", node, lagMs, flips, downMs, holdMs } };
}

function drawOneDamage(
  random: SeededRandom,
  kind: Exclude<DamageKind, "damageAt" | "damageWitness">,
  { electionMs, leftMs, node }: { readonly node: string; readonly leftMs: number; readonly electionMs: number },
): Damage {
  const forMs = Math.min(1 + random.exponential(electionMs / 2), leftMs);
  switch (kind) {
    case "flipBit":
      return { kind, node, age: random.pick(["old", "new"]) };
    case "misdirectWrite":
      return { kind, node };
    case "failReads":
      return { kind, node, forMs };
    case "loseFile":
      return { kind, node, while: random.pick(["running", "down"]), forMs };
    case "loseDisk":
      return { kind, node, forMs };
    case "oldCopy":
      return { kind, node, ageMs: Math.max(electionMs / 2, random.float() * 0.8 * leftMs), forMs };
  }
}

interface Place extends FaultPlan {
  readonly forMs: number;
  readonly leftMs: number;
}

function drawFault(random: SeededRandom, kind: CommonKind, place: Place): Fault {
  const { electionMs, forMs, nodes } = place;
  const node = random.pick(nodes);
  switch (kind) {
    case "kill":
      return { kind, nodes: drawVictims(random, nodes), forMs };
    case "crashLoop": {
      const upMs = random.pick([5, 0.05 * electionMs, 0.5 * electionMs]);
      return { kind, node, upMs, forMs: Math.min(forMs * 4, upMs * crashesMax, place.leftMs) };
    }
    case "cutPower":
      return { kind, nodes: drawVictims(random, nodes), loss: drawLoss(random), forMs };
    case "pause":
      return { kind, node, forMs: random.chance(0.1) ? drawLong(random, place, 60) : forMs };
    case "stopAt":
      return drawStop(random, node, place);
    case "slowNode":
      return { kind, node, factor: random.pick([10, 100]), forMs };
    case "jumpClock":
      return { kind, node: place.wrongClock, byMs: drawJump(random), forMs };
    case "driftClock":
      return { kind, node, rate: random.pick([0.9, 1.1]), forMs };
    case "freezeClock":
      return { kind, node, forMs };
    case "stallDisk":
    case "slowDisk":
    case "failSync":
    case "failOperation":
    case "fullDisk":
    case "shortWrites":
      return drawDiskFailure(random, kind, node, place);
    default:
      return drawNetworkFault(random, kind, node, place);
  }
}

function drawNetworkFault(
  random: SeededRandom,
  kind:
    | "cutLinks"
    | "cutLeaders"
    | "cutClient"
    | "slowLink"
    | "heavyTail"
    | "lossyLink"
    | "corruptLink"
    | "garbleLink"
    | "resetConnections",
  node: string,
  { clients, electionMs, forMs, leftMs, nodes }: Place,
): Fault {
  switch (kind) {
    case "cutLinks":
      return { kind, links: drawCut(random, nodes), forMs };
    case "cutLeaders": {
      const holdMs = random.pick([1.2, 2.5, 4, 8]) * electionMs;
      return { kind, holdMs, forMs: Math.min(30 * electionMs, leftMs) };
    }
    case "cutClient":
      return { kind, link: { from: random.pick(clients), to: node }, forMs };
    case "slowLink":
      return { kind, link: drawLink(random, nodes), latencyMs: random.pick([0.02, 0.2, 1]) * electionMs, forMs };
    case "heavyTail":
      return { kind, link: drawLink(random, nodes), tailMs: random.pick([0.1, 2]) * electionMs, forMs };
    case "lossyLink":
      return { kind, link: drawLink(random, nodes), lossChance: random.pick([0.05, 0.3]), forMs };
    case "corruptLink":
      return { kind, link: drawLink(random, nodes), corruptChance: random.pick([0.001, 0.02]), forMs };
    case "garbleLink":
      return { kind, link: drawLink(random, nodes), garbleChance: random.pick([0.001, 0.02]), forMs };
    case "resetConnections":
      return { kind, node };
  }
}

function drawDiskFailure(
  random: SeededRandom,
  kind: "stallDisk" | "slowDisk" | "failSync" | "failOperation" | "fullDisk" | "shortWrites",
  node: string,
  place: Place,
): Fault {
  const { forMs } = place;
  switch (kind) {
    case "stallDisk":
      return { kind, node, forMs: random.chance(0.05) ? drawLong(random, place, 30) : forMs };
    case "slowDisk":
      return { kind, node, factor: random.pick([10, 100]), forMs };
    case "failSync":
      return { kind, node, restartMs: forMs };
    case "failOperation": {
      const operation = random.pick(["write", "write", "rename", "open", "remove", "list"] as const);
      return { kind, node, operation, code: random.pick(["EIO", "EROFS"]), restartMs: forMs };
    }
    case "fullDisk":
      return { kind, node, writes: random.pick(["new", "new", "all"]), forMs };
    case "shortWrites":
      return { kind, node, forMs };
  }
}

function drawStop(random: SeededRandom, node: string, { areShardsMoved, electionMs, forMs, leftMs }: Place): Fault {
  const how = random.pick(["kill", "cutPower", "cutPower", "pause"] as const);
  return {
    kind: "stopAt",
    node,
    mark: random.pick(areShardsMoved ? [...stopMarks, ...moveMarks] : stopMarks),
    how,
    downMs: forMs,
    forMs: Math.min(5 * electionMs, leftMs),
  };
}

/** From one election time to so many. Short ones are likelier: equally many of each order of magnitude. */
function drawLong(random: SeededRandom, { electionMs, leftMs }: Place, electionsMax: number): number {
  return Math.max(1, Math.min(electionMs * 10 ** random.between(0, Math.log10(electionsMax)), leftMs));
}

function drawJump(random: SeededRandom): number {
  return random.pick([-yearMs, -hourMs, -2_000, 2_000, hourMs, yearMs]);
}

/** Mostly one; now and then all at once. */
function drawVictims(random: SeededRandom, nodes: readonly string[]): readonly string[] {
  if (random.chance(0.15)) return nodes;
  return random.shuffle([...nodes]).slice(0, random.chance(0.2) ? 2 : 1);
}

function drawLoss(random: SeededRandom): "everything" | "random" | "nothing" {
  return random.pick(["everything", "random", "random", "nothing"] as const);
}

function drawLink(random: SeededRandom, nodes: readonly string[]): Link {
  const [from, to] = random.shuffle([...nodes]);
  return { from: from as string, to: to as string };
}

/** One link one way or both ways; one node alone, unheard or deaf; a ring. */
function drawCut(random: SeededRandom, nodes: readonly string[]): readonly Link[] {
  const link = drawLink(random, nodes);
  const back = { from: link.to, to: link.from };
  const others = nodes.filter((node) => node !== link.from);
  const out = others.map((to) => ({ from: link.from, to }));
  const in_ = others.map((from) => ({ from, to: link.from }));
  const ring = nodes.map((from, index) => ({ from, to: nodes[(index + 1) % nodes.length] as string }));
  return random.pick([[link], [link, back], out, in_, [...out, ...in_], [...out, ...in_], ring]);
}
