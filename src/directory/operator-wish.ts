/** What people ask of the directory: nodes by name instead of number, replicas by where they are to go. */
import type { DirectoryNode, DirectorySettings, DirectoryState } from "./directory-state.ts";
import { DirectoryRefusal, DirectoryValueError, MoveRefusedError, NodeStateError, NodeUnknownError } from "./errors.ts";
import { nodeOfName } from "./node-lookup.ts";
import type { DirectoryRequest } from "./request.ts";

export type OperatorWish =
  | { readonly kind: "drain" | "decommission" | "remove"; readonly node: string; readonly isForced: boolean }
  | { readonly kind: "resume"; readonly node: string }
  /** A replica of the shard moves. Without `from` one more comes, without `to` one goes. */
  | {
      readonly kind: "move";
      readonly shard: number;
      readonly from: string | undefined;
      readonly to: string | undefined;
    }
  | ({ readonly kind: "set" } & Partial<DirectorySettings>);

/**
 * What that is in the terms of the directory at this moment. Asked for again it is the same, or what is so already.
 *
 * @param heard the nodes that answer at present
 */
export function requestFor(
  state: DirectoryState,
  heard: ReadonlySet<number>,
  wish: OperatorWish,
): DirectoryRequest | DirectoryRefusal {
  if (wish.kind === "set") return wish;
  if (wish.kind === "move") return moveRequest(state, wish);
  const node = namedNode(state, wish.node);
  if (node instanceof DirectoryRefusal) return node;
  if (wish.kind === "resume") return { kind: "resume", node: node.id };
  const { kind, isForced } = wish;
  return kind === "remove" ? { kind, node: node.id, heard, isForced } : { kind, node: node.id, isForced };
}

const shownNamesMax = 20;

/** The node of that name; one that is removed only if no other has it now. */
function namedNode(state: DirectoryState, name: string): DirectoryNode | DirectoryRefusal {
  const node = nodeOfName(state, name) ?? state.nodes.findLast((each) => each.name === name);
  if (node !== undefined) return node;
  const names = state.nodes.filter(({ state: kind }) => kind !== "removed").map((each) => each.name);
  const shown = names.slice(0, shownNamesMax).join(", ") + (names.length > shownNamesMax ? ", …" : "");
  return new NodeUnknownError(`The cluster has no node called ${JSON.stringify(name)}. Its nodes are ${shown}.`);
}

/** The number of the node that is to lead a shard; refused where there is no such shard or node. */
export function leaderFor(
  state: DirectoryState,
  { shard, to }: { readonly shard: number; readonly to: string },
): number | DirectoryRefusal {
  if (state.shards[shard] === undefined) return shardUnknown(state, shard);
  const node = namedNode(state, to);
  if (node instanceof DirectoryRefusal) return node;
  return node.state === "removed" ? new NodeStateError(`${node.name} was removed, and leads no shard.`) : node.id;
}

function shardUnknown(state: DirectoryState, shard: number): DirectoryRefusal {
  return new DirectoryValueError(`There is no shard ${shard}: the last one is ${state.shards.length - 1}.`);
}

function moveRequest(
  state: DirectoryState,
  { shard: number, from, to }: Extract<OperatorWish, { readonly kind: "move" }>,
): DirectoryRequest | DirectoryRefusal {
  const shard = state.shards[number];
  if (shard === undefined) return shardUnknown(state, number);
  if (from === undefined && to === undefined)
    return new DirectoryValueError("Say from which node a replica is to go, or to which.");
  const giver = from === undefined ? undefined : namedNode(state, from);
  if (giver instanceof DirectoryRefusal) return giver;
  const taker = to === undefined ? undefined : namedNode(state, to);
  if (taker instanceof DirectoryRefusal) return taker;
  const { wish, report } = shard;
  const isDone = (giver === undefined || !wish.includes(giver.id)) && (taker === undefined || wish.includes(taker.id));
  if (!isDone && giver !== undefined && !wish.includes(giver.id))
    return new MoveRefusedError(`${giver.name} has no replica of shard ${number} that could go.`);
  if (!isDone && taker !== undefined && wish.includes(taker.id))
    return new MoveRefusedError(`${taker.name} has a replica of shard ${number} already; it takes no second one.`);
  const stay = isDone ? wish : wish.filter((id) => id !== giver?.id);
  const nodes = isDone || taker === undefined ? stay : [...stay, taker.id].sort((a, b) => a - b);
  return { kind: "wish", shard: number, nodes, configurationIndex: report.configurationIndex };
}
