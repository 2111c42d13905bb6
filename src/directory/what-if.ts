/** What a change of the directory would move, before anybody asks for it. Nothing is changed. */
import { type PlanPicture, picturePlan, type ReplicaMove } from "../ring/index.ts";
import { decide } from "./decide.ts";
import type { DirectoryState } from "./directory-state.ts";
import { activeNodes, nameOfNode, nodeOfName } from "./node-lookup.ts";
import type { DirectoryRequest } from "./request.ts";
import { differenceOf } from "./shard-report.ts";
import { targetOf } from "./target.ts";

/** Where the replicas would come to be, with what is wished now as the beginning. */
export interface WhatIf {
  /** What would be asked of the directory is all done already. */
  readonly isUnchanged: boolean;
  /** The moves that are asked for themselves. */
  readonly begun: readonly {
    readonly shard: number;
    readonly from: string | undefined;
    readonly to: string | undefined;
  }[];
  /** What follows from that, in the end. */
  readonly plan: PlanPicture;
}

/**
 * What would move after these requests.
 *
 * @throws DirectoryRefusal the one with which the directory would answer the first of them that it would not take
 */
export function whatIf(state: DirectoryState, requests: readonly DirectoryRequest[]): WhatIf {
  let next = state;
  for (const request of requests) {
    const decision = decide(next, request);
    if (decision.kind === "refused") throw decision.refusal;
    if (decision.kind === "change") next = decision.state;
  }
  const target = targetOf(next, activeNodes(next));
  const name = (id: number): string => nameOfNode(next, id);
  const nameOrNone = (id: number | undefined): string | undefined => (id === undefined ? undefined : name(id));
  const move = ({ from, to, ...rest }: ReplicaMove<number>): ReplicaMove => ({
    ...rest,
    from: nameOrNone(from),
    to: nameOrNone(to),
  });
  const plan = picturePlan({
    placement: target?.placement.map((ids) => ids.map(name)) ?? [],
    moves: target?.moves.map(move) ?? [],
    loads: target?.loads.map(({ id, ...rest }) => ({ id: name(id), ...rest })) ?? [],
  });
  const begun = next.shards.flatMap(({ shard, wish }) => {
    const { gone, come } = differenceOf(state.shards[shard]?.wish ?? [], wish);
    const ways = Array.from({ length: Math.max(gone.length, come.length) }, (_, at) => at);
    return ways.map((at) => ({ shard, from: nameOrNone(gone[at]), to: nameOrNone(come[at]) }));
  });
  return { isUnchanged: next === state, begun, plan };
}

/** `count` nodes join, under names that nobody has, and take replicas. */
export function joinsOf(state: DirectoryState, count: number): readonly DirectoryRequest[] {
  const requests: DirectoryRequest[] = [];
  for (let number = 1; requests.length < 2 * count; number++) {
    const name = `new-${number}`;
    if (nodeOfName(state, name) !== undefined) continue;
    const node = state.nextNodeId + requests.length / 2;
    // No directory has such an id: those of nodes are drawn at random.
    requests.push({ kind: "join", name, directoryId: node.toString(16).padStart(32, "0") }, { kind: "activate", node });
  }
  return requests;
}
