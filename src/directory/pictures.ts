/** The directory for people and programs: plain values that stay what they are when written as JSON, names for numbers. */
import { hashSlot, type SlotRange, SlotRanges, slotCount } from "../ring/index.ts";
import type { DirectoryNodeState, DirectoryShard, DirectoryState } from "./directory-state.ts";
import type { DirectoryFacts } from "./facts.ts";
import { activeNodes, nameOfNode } from "./node-lookup.ts";
import { differenceOf, nodeOfReplica, voterNodesOf } from "./shard-report.ts";
import { targetOf } from "./target.ts";

export interface NodePicture {
  readonly id: number;
  readonly name: string;
  readonly state: DirectoryNodeState;
  readonly isDecommissioned: boolean;
  /** Whether it answers. */
  readonly isUp: boolean;
  /** Empty: none. */
  readonly zone: string;
  readonly weight: number;
  /** Where its peers find it; null until it said so. */
  readonly peer: string | null;
  /** Shards that it keeps with a vote. */
  readonly replicas: number;
  /** Shards that it leads, as far as that is known. */
  readonly leads: number;
  /** Replicas on their way to it, and from it. */
  readonly coming: number;
  readonly going: number;
}

export interface ShardPicture {
  readonly shard: number;
  /** Both included. */
  readonly slots: SlotRange;
  /** Null: none is known. */
  readonly leader: string | null;
  /** Who keeps it with a vote. */
  readonly replicas: readonly string[];
  /** Who keeps it without one yet. */
  readonly learners: readonly string[];
  /** Of the voters, who answers. */
  readonly live: readonly string[];
  readonly hasMajority: boolean;
  /** The replica that moves; null: none does. Without `from` one more comes, without `to` one goes. */
  readonly move: { readonly from: string | null; readonly to: string | null } | null;
}

/** A replica on its way. */
export interface MovePicture extends NonNullable<ShardPicture["move"]> {
  readonly shard: number;
}

export interface KeyPicture {
  readonly key: string;
  readonly slot: number;
  readonly shard: number;
  readonly slots: SlotRange;
  readonly leader: string | null;
  readonly replicas: readonly string[];
}

/** How the replicas are spread over the nodes. */
export interface SpreadPicture {
  readonly epoch: number;
  readonly shards: number;
  /** That each shard should have. */
  readonly replicas: number;
  readonly nodes: readonly {
    readonly name: string;
    readonly state: DirectoryNodeState;
    /** Whether it answers. */
    readonly isUp: boolean;
    readonly zone: string;
    readonly weight: number;
    /** Replicas that are wished to be on it. */
    readonly replicas: number;
    /** Of all replicas, from 0 to 1. */
    readonly share: number;
    /** Replicas that it should have by its weight; 0 for a node that takes none. */
    readonly fairShare: number;
    /** Of all slots those that it leads, from 0 to 1. */
    readonly ledSlots: number;
  }[];
}

/** @param hasRemoved whether removed nodes are among them. */
export function pictureNodes(facts: DirectoryFacts, hasRemoved = false): readonly NodePicture[] {
  const { state, heard } = facts;
  const counts = countsOf(facts);
  return state.nodes
    .filter((node) => hasRemoved || node.state !== "removed")
    .map(({ id, name, state: kind, isDecommissioned, zone, weight, peerAddress }) => ({
      id,
      name,
      state: kind,
      isDecommissioned,
      isUp: heard.has(id),
      zone,
      weight,
      peer: peerAddress === undefined ? null : addressText(peerAddress),
      replicas: counts.replicas.get(id) ?? 0,
      leads: counts.leads.get(id) ?? 0,
      coming: counts.coming.get(id) ?? 0,
      going: counts.going.get(id) ?? 0,
    }));
}

export function pictureShards({ state, leaders, heard }: DirectoryFacts): readonly ShardPicture[] {
  const ranges = new SlotRanges(state.shards.length);
  const names = (ids: readonly number[]): readonly string[] => ids.map((id) => nameOfNode(state, id));
  return state.shards.map((each) => {
    const { shard, report } = each;
    const voters = voterNodesOf(report);
    const live = voters.filter((id) => heard.has(id));
    return {
      shard,
      slots: ranges.rangeOf(shard),
      leader: nameOrNull(state, leaders[shard]),
      replicas: names(voters),
      learners: names(report.learners.map(nodeOfReplica)),
      live: names(live),
      hasMajority: live.length > voters.length / 2,
      move: moveOf(state, each),
    };
  });
}

export function pictureMoves(state: DirectoryState): readonly MovePicture[] {
  return state.shards.flatMap((shard) => {
    const move = moveOf(state, shard);
    return move === null ? [] : [{ shard: shard.shard, ...move }];
  });
}

/** Who has a key. */
export function pictureKey({ state, leaders }: DirectoryFacts, key: string): KeyPicture {
  const ranges = new SlotRanges(state.shards.length);
  const slot = hashSlot(Buffer.from(key, "utf8"));
  const shard = ranges.shardOf(slot);
  const report = state.shards[shard]?.report;
  const voters = report === undefined ? [] : voterNodesOf(report);
  return {
    key,
    slot,
    shard,
    slots: ranges.rangeOf(shard),
    leader: nameOrNull(state, leaders[shard]),
    replicas: voters.map((id) => nameOfNode(state, id)),
  };
}

export function pictureSpread({ state, leaders, heard }: DirectoryFacts): SpreadPicture {
  const ranges = new SlotRanges(state.shards.length);
  const wished = new Map<number, number>();
  for (const { wish } of state.shards) for (const id of wish) add(wished, id);
  const ledSlots = new Map<number, number>();
  for (const [shard, leader] of leaders.entries()) {
    const { first, last } = ranges.rangeOf(shard);
    if (leader !== undefined) ledSlots.set(leader, (ledSlots.get(leader) ?? 0) + last - first + 1);
  }
  const total = state.shards.reduce((sum, { wish }) => sum + wish.length, 0);
  const fair = new Map(targetOf(state, activeNodes(state))?.loads.map(({ id, fairShare }) => [id, fairShare]));
  const nodes = state.nodes
    .filter(({ id, state: kind }) => kind !== "removed" || wished.has(id))
    .map(({ id, name, state: kind, zone, weight }) => ({
      name,
      state: kind,
      isUp: heard.has(id),
      zone,
      weight,
      replicas: wished.get(id) ?? 0,
      share: (wished.get(id) ?? 0) / total,
      fairShare: fair.get(id) ?? 0,
      ledSlots: (ledSlots.get(id) ?? 0) / slotCount,
    }));
  return { epoch: state.epoch, shards: state.shards.length, replicas: state.settings.replicas, nodes };
}

interface Counts {
  readonly replicas: Map<number, number>;
  readonly leads: Map<number, number>;
  readonly coming: Map<number, number>;
  readonly going: Map<number, number>;
}

function countsOf({ state, leaders }: DirectoryFacts): Counts {
  const counts: Counts = { replicas: new Map(), leads: new Map(), coming: new Map(), going: new Map() };
  for (const { report, wish } of state.shards) {
    const voters = voterNodesOf(report);
    for (const id of voters) add(counts.replicas, id);
    const { gone, come } = differenceOf(voters, wish);
    for (const id of come) add(counts.coming, id);
    for (const id of gone) add(counts.going, id);
  }
  for (const leader of leaders) if (leader !== undefined) add(counts.leads, leader);
  return counts;
}

function add(counts: Map<number, number>, id: number): void {
  counts.set(id, (counts.get(id) ?? 0) + 1);
}

function moveOf(state: DirectoryState, { report, wish }: DirectoryShard): ShardPicture["move"] {
  const { gone, come } = differenceOf(voterNodesOf(report), wish);
  const [from] = gone;
  const [to] = come;
  if (from === undefined && to === undefined) return null;
  return { from: nameOrNull(state, from), to: nameOrNull(state, to) };
}

function nameOrNull(state: DirectoryState, id: number | undefined): string | null {
  return id === undefined ? null : nameOfNode(state, id);
}

function addressText({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
