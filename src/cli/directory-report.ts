/** The directory as a terminal shows it: lines made of the values that `--json` prints, and of nothing else. */
import type { HeldPicture, KeyPicture, NodePicture, ShardPicture, SpreadPicture, WhatIf } from "../directory/index.ts";
import { textOfPlan } from "../ring/index.ts";
import { type Column, formatTable } from "./table.ts";

const nodeColumns: readonly Column[] = [
  { title: "node" },
  { title: "state" },
  { title: "zone" },
  { title: "weight", rightAligned: true },
  { title: "replicas", rightAligned: true },
  { title: "leads", rightAligned: true },
  { title: "coming", rightAligned: true },
  { title: "going", rightAligned: true },
];

/** A line a node. The directory knows no addresses of nodes before the first one has joined. */
export function formatNodes(nodes: readonly NodePicture[]): readonly string[] {
  const hasPeers = nodes.some(({ peer }) => peer !== null);
  const rows = nodes.map((node) => [
    node.name,
    stateText(node),
    node.zone || "-",
    String(node.weight),
    String(node.replicas),
    String(node.leads),
    String(node.coming),
    String(node.going),
    ...(hasPeers ? [node.peer ?? "-"] : []),
  ]);
  return formatTable([...nodeColumns, ...(hasPeers ? [{ title: "peer address" }] : [])], rows);
}

function stateText({ state, isUp, isDecommissioned }: NodePicture): string {
  const kind = isDecommissioned && state !== "removed" ? `${state}, then removed` : state;
  return isUp || state === "removed" ? kind : `${kind} (no answer)`;
}

const shardColumns: readonly Column[] = [
  { title: "shard", rightAligned: true },
  { title: "slots" },
  { title: "leader" },
  { title: "live" },
  { title: "replicas" },
  { title: "moves" },
];

/** A line a shard, and what is wrong. */
export function formatShards(shards: readonly ShardPicture[], held: readonly HeldPicture[] = []): readonly string[] {
  const rows = shards.map(({ shard, slots, leader, replicas, learners, live, move }) => [
    String(shard),
    `${slots.first}-${slots.last}`,
    leader ?? "-",
    `${live.length} of ${replicas.length}`,
    [...replicas, ...learners.map((name) => `(${name})`)].join(" "),
    move === null ? "" : moveText(move),
  ]);
  const still = shards.filter(({ hasMajority }) => !hasMajority).length;
  const notes = still === 0 ? [] : [`${still} of ${shards.length} shards stand still: no majority of them answers.`];
  notes.push(...held.map(heldText));
  return [...formatTable(shardColumns, rows), ...notes.flatMap((note, at) => (at === 0 ? ["", note] : [note]))];
}

const shownShardsMax = 10;

/** `Moves of shards 1, 4 wait: n2 is away.` */
export function heldText({ reason, shards }: HeldPicture): string {
  const shown = shards.slice(0, shownShardsMax).join(", ") + (shards.length > shownShardsMax ? ", …" : "");
  return `${shards.length === 1 ? `A move of shard ${shown} waits` : `Moves of shards ${shown} wait`}: ${reason}.`;
}

function moveText({ from, to }: NonNullable<ShardPicture["move"]>): string {
  if (from === null) return `to ${to}`;
  return to === null ? `from ${from}` : `${from} to ${to}`;
}

/**
 * ```text
 * key        user:7
 * slot       5474
 * shard      21, slots 5376-5631
 * leader     n2
 * replicas   n1, n2, n3
 * ```
 */
export function formatKey({ key, slot, shard, slots, leader, replicas }: KeyPicture): readonly string[] {
  const rows = [
    ["key", key],
    ["slot", String(slot)],
    ["shard", `${shard}, slots ${slots.first}-${slots.last}`],
    ["leader", leader ?? "none is known"],
    ["replicas", replicas.join(", ")],
  ];
  return rows.map(([name = "", value = ""]) => `${name.padEnd(11)}${value}`);
}

const spreadColumns: readonly Column[] = [
  { title: "node" },
  { title: "zone" },
  { title: "weight", rightAligned: true },
  { title: "replicas", rightAligned: true },
  { title: "fair", rightAligned: true },
  { title: "share", rightAligned: true },
  { title: "leads", rightAligned: true },
  { title: "" },
];

const barColumns = 20;

/** A line a node, with a bar of what it has of all replicas. */
export function formatSpread({ epoch, shards, replicas, nodes }: SpreadPicture): readonly string[] {
  const widest = Math.max(...nodes.map(({ share }) => share), Number.MIN_VALUE);
  const rows = nodes.map((node) => [
    nameWithState(node),
    node.zone || "-",
    String(node.weight),
    String(node.replicas),
    node.fairShare.toFixed(1),
    percent(node.share),
    percent(node.ledSlots),
    "█".repeat(Math.round((node.share / widest) * barColumns)),
  ]);
  const each = replicas === 1 ? "1 replica" : `${replicas} replicas`;
  const sum = `${shards === 1 ? "1 shard" : `${shards} shards`} with ${each} each; directory at epoch ${epoch}`;
  return [...formatTable(spreadColumns, rows), "", sum];
}

function nameWithState({ name, state, isUp }: SpreadPicture["nodes"][number]): string {
  const silent = isUp || state === "removed" ? [] : ["no answer"];
  const remarks = [...(state === "active" ? [] : [state]), ...silent];
  return remarks.length === 0 ? name : `${name} (${remarks.join(", ")})`;
}

function percent(part: number): string {
  return `${(part * 100).toFixed(1)} %`;
}

/** What a change would move; nothing has been changed. Nodes that are joining are not part of the plan yet. */
export function formatWhatIf({ begun, plan }: WhatIf, joining: readonly string[] = []): readonly string[] {
  const notes = joining.map((name) => `${name} is joining: it gets its share once it holds the directory.`);
  const moves = begun.map(({ shard, from = null, to = null }) => `shard ${shard} moves ${moveText({ from, to })}`);
  if (moves.length + plan.moves.length === 0) return [...notes, "Nothing would move."];
  const rest = plan.moves.length === 0 ? [] : textOfPlan(plan).split("\n");
  return [...moves, ...rest, ...notes, "Nothing has been changed."];
}
