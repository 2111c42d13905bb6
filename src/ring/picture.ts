import type { HashRing } from "./hash-ring.ts";
import type { Plan } from "./plan.ts";

/**
 * What people and programs are shown of rings and plans: first as plain values that stay what they are when written as
 * JSON, then as lines of text made of those values and nothing else.
 */

/** A key's way to its owner. */
export interface OwnerPicture<Id = string> {
  readonly key: string;
  /** From 0 to 2^32 - 1. */
  readonly position: number;
  /** The point that comes first at or after it. */
  readonly point: number;
  readonly owner: Id;
  /** The owner, then the distinct nodes that follow it. */
  readonly successors: readonly Id[];
}

export interface RingPicture<Id = string> {
  readonly points: number;
  /** By id. */
  readonly nodes: readonly {
    readonly id: Id;
    readonly weight: number;
    readonly zone: string;
    /** The part of the ring that it owns, from 0 to 1. */
    readonly share: number;
  }[];
}

export interface PlanPicture<Id = string> {
  readonly replicas: number;
  readonly moves: Plan<Id>["moves"];
  readonly loads: Plan<Id>["loads"];
}

/** Who is responsible for `key`, and who follows. */
export function pictureOwner<Id>(ring: HashRing<Id>, key: string, replicas: number): OwnerPicture<Id> {
  const position = ring.positionOf(key);
  let first: number | undefined;
  let point: number | undefined;
  for (const each of ring.points()) {
    first ??= each.position;
    if (each.position < position) continue;
    point = each.position;
    break;
  }
  return {
    key,
    position,
    point: point ?? first ?? 0,
    owner: ring.ownerOf(key),
    successors: ring.successors(position, replicas),
  };
}

export function pictureRing<Id>(ring: HashRing<Id>): RingPicture<Id> {
  let points = 0;
  for (const _ of ring.points()) points++;
  return { points, nodes: ring.nodes.map((node) => ({ ...node, share: ring.shareOf(node.id) })) };
}

export function picturePlan<Id>({ placement, moves, loads }: Plan<Id>): PlanPicture<Id> {
  return { replicas: placement.flat().length, moves, loads };
}

/**
 * ```text
 * key        user:7
 * position   0x9c1f03b2, 61.0 % of the way round
 * point      0x9c4411d0 of n2
 * owner      n2
 * then       n3, n1
 * ```
 */
export function textOfOwner<Id>(picture: OwnerPicture<Id>): string {
  const { key, position, point, owner, successors } = picture;
  const rows = [
    ["key", key],
    ["position", `${hexadecimal(position)}, ${percent(position / 2 ** 32)} of the way round`],
    ["point", `${hexadecimal(point)} of ${owner}`],
    ["owner", `${owner}`],
    ["then", successors.slice(1).join(", ") || "no other node"],
  ];
  return rows.map(([name = "", value = ""]) => `${name.padEnd(11)}${value}`).join("\n");
}

/** A line a node: what it weighs, its share of the ring, and a bar. */
export function textOfRing<Id>({ nodes, points }: RingPicture<Id>): string {
  const widest = Math.max(...nodes.map(({ share }) => share));
  const rows = nodes.map(({ id, weight, zone, share }) => [
    `${id}`,
    `${weight}`,
    zone || "-",
    percent(share),
    "█".repeat(Math.max(1, Math.round((share / widest) * barColumns))),
  ]);
  return `${table([["node", "weight", "zone", "share", ""], ...rows])}\n${nodes.length} nodes at ${points} points`;
}

/** A line a move, a line a node, and the sum. */
export function textOfPlan<Id>({ moves, loads, replicas }: PlanPicture<Id>): string {
  if (moves.length === 0) return "nothing moves";
  const ways = moves.map(({ shard, from, to, reason }) => [`${shard}`, `${from ?? "-"}`, `${to ?? "-"}`, reason]);
  const nodes = loads.map(({ id, before, after, fairShare, bound }) => [
    `${id}`,
    `${before}`,
    `${after}`,
    fairShare.toFixed(1),
    `${bound}`,
  ]);
  return [
    table([["shard", "from", "to", "why"], ...ways]),
    "",
    table([["node", "before", "after", "fair share", "bound"], ...nodes]),
    "",
    `${moves.length} of ${replicas} replicas move (${percent(moves.length / replicas)})`,
  ].join("\n");
}

const barColumns = 40;

function hexadecimal(position: number): string {
  return `0x${position.toString(16).padStart(8, "0")}`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

/** Columns as wide as their widest cell, two blanks apart; no blanks at the ends of lines. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
