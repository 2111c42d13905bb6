import type { MemberFault, TimedFault } from "./fault.ts";
import type { SeededRandom } from "./seeded-random.ts";

/** Added to a seed: what is drawn of members shifts nothing else. */
export const memberSeeds: number = 2 ** 43;

/** Nodes that come and go, or none that do. */
export interface DrawnMembers {
  /** Those that join, by name; they are not there in the beginning. */
  readonly joiners: readonly string[];
  /** Undefined: as is drawn otherwise. */
  readonly shards: number | undefined;
}

/** In three seeds of ten nodes come and go. */
export function drawMembers(random: SeededRandom, nodeCount: number): DrawnMembers {
  if (!random.chance(0.3)) return { joiners: [], shards: undefined };
  const joiners = Array.from({ length: random.integer(1, 3) }, (_, index) => `n${nodeCount + index + 1}`);
  return { joiners, shards: random.pick([1, 2, 4]) };
}

/** How often each comes, among those that are drawn. */
const weights = { drainNode: 3, decommissionNode: 3, decommissionLeader: 4, loseNode: 3, wantReplicas: 1 } as const;
type Drawn = keyof typeof weights;

/**
 * Each joiner comes at some time; between and after that others go. No more than one machine is lost for good, and none where
 * disks are damaged: of no shard is a majority gone then.
 */
export function drawMemberFaults(
  random: SeededRandom,
  of: {
    readonly nodes: readonly string[];
    readonly joiners: readonly string[];
    readonly shards: number;
    readonly replicas: number;
    readonly durationMs: number;
    readonly isDamaged: boolean;
  },
): readonly TimedFault[] {
  const { durationMs, isDamaged, joiners, nodes, replicas, shards } = of;
  if (joiners.length === 0) return [];
  const all = [...nodes, ...joiners];
  const timed: TimedFault[] = joiners.map((node, index) => {
    return { atMs: random.between(0, index === 0 ? 0.2 : 0.6) * durationMs, fault: { kind: "joinNode", node } };
  });
  if (random.chance(0.4))
    timed.push({ atMs: 0, fault: { kind: "replaceAfter", ms: random.pick([1_000, 3_000, 8_000]) } });
  const lots = (Object.keys(weights) as Drawn[]).flatMap((kind) => new Array<Drawn>(weights[kind]).fill(kind));
  let mayLose = !isDamaged;
  for (let count = random.integer(2, 6); count > 0; count--) {
    const kind = random.pick(lots);
    const atMs = random.between(0.1, 0.9) * durationMs;
    const leftMs = durationMs - atMs;
    const node = random.pick(all);
    if (kind !== "loseNode") timed.push({ atMs, fault: drawGoing(random, kind, { node, leftMs, shards, replicas }) });
    else if (mayLose) {
      mayLose = false;
      timed.push(...drawLoss(random, { node, atMs, leftMs }));
    }
    // Whoever has gone by then comes back, to be refused.
    if (random.chance(0.4)) {
      const backMs = atMs + random.between(0.2, 0.8) * leftMs;
      timed.push({ atMs: backMs, fault: { kind: "returnNode", node } });
    }
  }
  return timed;
}

function drawGoing(
  random: SeededRandom,
  kind: Exclude<Drawn, "loseNode">,
  of: { readonly node: string; readonly leftMs: number; readonly shards: number; readonly replicas: number },
): MemberFault {
  const { leftMs, node, replicas, shards } = of;
  switch (kind) {
    case "drainNode":
      return { kind, node, forMs: random.float() * leftMs };
    case "decommissionNode":
      return { kind, node };
    case "decommissionLeader":
      return { kind, group: random.integer(0, shards) };
    case "wantReplicas":
      return { kind, replicas: replicas + random.integer(0, 2) };
  }
}

function drawLoss(
  random: SeededRandom,
  { atMs, leftMs, node }: { readonly node: string; readonly atMs: number; readonly leftMs: number },
): readonly TimedFault[] {
  const disk = random.pick(["kept", "erased"] as const);
  const lost: TimedFault = { atMs, fault: { kind: "loseNode", node, disk, isRemoved: random.chance(0.7) } };
  if (disk === "erased") return [lost];
  const backMs = atMs + random.between(0.3, 0.95) * leftMs;
  return [lost, { atMs: backMs, fault: { kind: "returnNode", node } }];
}
