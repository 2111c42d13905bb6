/** What is said and wished of shards. In every state a shard's wish differs from its report by one replica at most (B-2). */
import { assert } from "../platform/index.ts";
import type { DirectoryShard, DirectoryState, ShardReport } from "./directory-state.ts";
import { type DirectoryRefusal, DirectoryValueError, MoveRefusedError } from "./errors.ts";
import { activeNodes, nameOfNode, nodeOfNumber } from "./node-lookup.ts";
import { faultOfWish } from "./record.ts";
import type { DirectoryRequest } from "./request.ts";
import { differenceOf, faultOfReport, isSameList, memberNodesOf, voterNodesOf } from "./shard-report.ts";

type Result = DirectoryState | DirectoryRefusal;
type RequestOf<Kind extends DirectoryRequest["kind"]> = Extract<DirectoryRequest, { readonly kind: Kind }>;

/** The report with the higher configuration index wins; an older one comes too late and changes nothing. */
export function report(state: DirectoryState, { shard: number, report: said }: RequestOf<"report">): Result {
  const shard = state.shards[number];
  if (shard === undefined) return noShard(state, number);
  if (said.configurationIndex < shard.report.configurationIndex) return state;
  const fault = faultOfReport(said) ?? faultOfSuccession(state, shard.report, said);
  if (fault !== undefined) return new DirectoryValueError(`The report of shard ${number} cannot be: ${fault}.`);
  if (said.configurationIndex === shard.report.configurationIndex) return state;
  const nodes = voterNodesOf(said);
  // Else a move was done that is wished no more: the wish begins there anew, so that no report makes a move begin.
  const isOnItsWay = isBetween(nodes, voterNodesOf(shard.report), shard.wish);
  return withShard(state, { shard: number, report: said, wish: isOnItsWay ? shard.wish : nodes });
}

/** Whether `nodes` are where a move from `before` to `after` begins, comes by or ends. */
function isBetween(nodes: readonly number[], before: readonly number[], after: readonly number[]): boolean {
  const hasAllThatStay = before.every((node) => !after.includes(node) || nodes.includes(node));
  return hasAllThatStay && nodes.every((node) => before.includes(node) || after.includes(node));
}

function faultOfSuccession(state: DirectoryState, before: ShardReport, after: ShardReport): string | undefined {
  const stranger = memberNodesOf(after).find((id) => id >= state.nextNodeId);
  if (stranger !== undefined) return `no node has the number ${stranger}`;
  if (after.highestReplica < before.highestReplica) return "its highest replica has fallen";
  if (after.configurationIndex > before.configurationIndex) return undefined;
  const isSame =
    isSameList(before.voters, after.voters) &&
    isSameList(before.learners, after.learners) &&
    before.highestReplica === after.highestReplica;
  return isSame ? undefined : `another one was said of index ${after.configurationIndex}`;
}

/** A move begins, or is taken back. */
export function wish(state: DirectoryState, request: RequestOf<"wish">): Result {
  const { shard: number, nodes, configurationIndex } = request;
  const shard = state.shards[number];
  if (shard === undefined) return noShard(state, number);
  if (configurationIndex !== shard.report.configurationIndex) {
    return new MoveRefusedError(
      `Shard ${number} has changed since the move was decided. Look at it, and decide again.`,
    );
  }
  if (isSameList(nodes, shard.wish)) return state;
  const voters = voterNodesOf(shard.report);
  const fault = faultOfWish(nodes, voters);
  if (fault !== undefined) return new MoveRefusedError(`Shard ${number} cannot be kept by ${nodes}: ${fault}.`);
  const refusal = isSameList(nodes, voters) ? undefined : faultOfBeginning(state, shard, { voters, nodes });
  return refusal ?? withShard(state, { ...shard, wish: nodes });
}

/** Why a move from `voters` to `nodes` cannot begin now. */
function faultOfBeginning(
  state: DirectoryState,
  { shard, wish: present }: DirectoryShard,
  { voters, nodes }: { readonly voters: readonly number[]; readonly nodes: readonly number[] },
): DirectoryRefusal | undefined {
  if (!isSameList(present, voters)) {
    return new MoveRefusedError(`A replica of shard ${shard} is moving already. Wait for it, or take that move back.`);
  }
  const { gone, come } = differenceOf(voters, nodes);
  for (const id of come) {
    const node = nodeOfNumber(state, id);
    if (node?.state === "active") continue;
    const reason = node === undefined ? "is not known" : `is ${node.state}`;
    return new MoveRefusedError(`${nameOfNode(state, id)} ${reason}; replicas go to active nodes only.`);
  }
  const least = Math.min(state.settings.replicas, activeNodes(state).length);
  if (come.length === 0 && nodes.length < least) {
    return new MoveRefusedError(
      `Shard ${shard} has ${voters.length} replicas and should have ${least}: none can go. Say where one comes instead (--to).`,
    );
  }
  if (gone.length === 0 && nodes.length > state.settings.replicas) {
    return new MoveRefusedError(
      `Shard ${shard} has ${voters.length} replicas, as it should: none can come. Say whose goes instead (--from).`,
    );
  }
  const moving = movesPerNode(state);
  const { movesPerNodeMax } = state.settings;
  const busy = [...gone, ...come].find((id) => (moving.get(id) ?? 0) >= movesPerNodeMax);
  if (busy === undefined) return undefined;
  const cure = "Wait until one of them has ended, or raise movesPerNodeMax.";
  return new MoveRefusedError(`${nameOfNode(state, busy)} has ${movesPerNodeMax} replicas coming or going. ${cure}`);
}

/** By node, how many replicas come there or go from there at present. */
export function movesPerNode({ shards }: DirectoryState): Map<number, number> {
  const moving = new Map<number, number>();
  for (const { report, wish: nodes } of shards) {
    const { gone, come } = differenceOf(voterNodesOf(report), nodes);
    for (const id of [...gone, ...come]) moving.set(id, (moving.get(id) ?? 0) + 1);
  }
  return moving;
}

function noShard({ shards }: DirectoryState, shard: number): DirectoryRefusal {
  return new DirectoryValueError(`There is no shard ${shard}: the cluster has ${shards.length}, numbered from 0.`);
}

function withShard(state: DirectoryState, shard: DirectoryShard): DirectoryState {
  assert(
    faultOfWish(shard.wish, voterNodesOf(shard.report)) === undefined,
    "a wish is one replica away from the report",
  );
  return { ...state, shards: state.shards.with(shard.shard, shard) };
}
