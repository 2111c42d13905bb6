import type { SeededRandom } from "./seeded-random.ts";

/** Somebody asks a node that a replica be moved. It may be refused, come too late, or be taken back. */
export interface WantedMove {
  /** From the beginning of the faults. */
  readonly atMs: number;
  readonly shard: number;
  /** Which of the nodes that have the shard, and of those that have not: from 0, beyond their number from the front again. */
  readonly from: number;
  readonly to: number;
  /** Who is asked. */
  readonly via: string;
  /** So much later the same one is asked to move it back; undefined: it is not. */
  readonly backMs: number | undefined;
}

/** On how many nodes what is kept. */
export interface DrawnPlacement {
  readonly nodeCount: number;
  /** Of each shard. */
  readonly replicas: number;
  /** Undefined: drawn otherwise. */
  readonly shards: number | undefined;
}

/** Added to a seed: what is drawn of placement shifts nothing else. */
export const placementSeeds: number = 2 ** 42;

/** Mostly three nodes that keep everything; now and then five, with each shard on three of them. */
export function drawPlacement(random: SeededRandom): DrawnPlacement {
  if (!random.chance(0.15)) return { nodeCount: 3, replicas: 3, shards: undefined };
  return { nodeCount: 5, replicas: 3, shards: random.pick([2, 4]) };
}

/** Every few seconds one, where shards are not everywhere. */
export function drawMoves(
  random: SeededRandom,
  of: {
    readonly nodes: readonly string[];
    readonly replicas: number;
    readonly shards: number;
    readonly faultsMs: number;
  },
): readonly WantedMove[] {
  const moves: WantedMove[] = [];
  if (of.nodes.length <= of.replicas) return moves;
  for (
    let atMs = random.between(0, 3_000);
    atMs < of.faultsMs && moves.length < 20;
    atMs += random.between(500, 6_000)
  ) {
    const shard = random.integer(0, of.shards - 1);
    const [from, to] = [random.integer(0, 59), random.integer(0, 59)];
    moves.push({ atMs, shard, from, to, via: random.pick(of.nodes), backMs: undefined });
  }
  return moves;
}

/** Added to a seed: what is drawn of moves that are taken back shifts nothing else. */
export const takenBackSeeds: number = 2 ** 45;

/** Besides, some that are taken back: mostly before the new replica has caught up, so that it is of no use any more. */
export function drawMovesTakenBack(random: SeededRandom, of: Parameters<typeof drawMoves>[1]): readonly WantedMove[] {
  return drawMoves(random, of).map((move) => ({ ...move, backMs: 10 ** random.between(1.3, 3.3) }));
}
