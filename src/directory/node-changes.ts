/** The nodes' ways through their states, each step a pure function: docs/decisions/membership.md draws them. */
import {
  isDirectoryId,
  isHost,
  isJoinName,
  isPort,
  isWithin,
  isZone,
  nodeNumberMax,
  nodesMax,
  removedNodesMax,
  weightBounds,
} from "./bounds.ts";
import type { DirectoryNode, DirectoryState } from "./directory-state.ts";
import {
  DirectoryRefusal,
  DirectoryValueError,
  MajorityAtRiskError,
  NodeNameTakenError,
  NodeStateError,
  NodeUnknownError,
  TooFewNodesError,
  TooManyNodesError,
} from "./errors.ts";
import { activeNodes, nodeOfDirectory, nodeOfName, nodeOfNumber, shardCountOf } from "./node-lookup.ts";
import type { DirectoryRequest, NodeDetails } from "./request.ts";
import { nodeOfReplica, nodesOfShard } from "./shard-report.ts";

type Result = DirectoryState | DirectoryRefusal;
type RequestOf<Kind extends DirectoryRequest["kind"]> = Extract<DirectoryRequest, { readonly kind: Kind }>;

const ordinaryWeight = 100;

export function join(state: DirectoryState, request: RequestOf<"join">): Result {
  const { name, directoryId } = request;
  const fault = faultOfDetails(request);
  if (fault !== undefined) return fault;
  if (!isDirectoryId(directoryId)) return new DirectoryValueError("A directory's id has 32 hexadecimal digits.");
  const known = nodeOfDirectory(state, directoryId);
  if (known !== undefined) return joinAgain(state, known, request);
  if (!isJoinName(name)) {
    const rule = 'It has letters, digits, ".", "_" and "-" (at most 63), and begins with a letter or a digit.';
    return new DirectoryValueError(`${JSON.stringify(name)} is no name for a node. ${rule}`);
  }
  const other = nodeOfName(state, name);
  if (other !== undefined) {
    const cure = `Choose another name, or remove that node if it is gone for good. If this is ${name}, start it with its own directory.`;
    return new NodeNameTakenError(`A node called ${name} is in the cluster already (${other.state}). ${cure}`);
  }
  if (state.nextNodeId > nodeNumberMax) {
    return new TooManyNodesError(
      `All numbers of nodes up to ${nodeNumberMax} have been given, and none is given twice: only a new cluster has more.`,
    );
  }
  if (state.nodes.filter((node) => node.state !== "removed").length >= nodesMax) {
    return new TooManyNodesError(`The cluster has ${nodesMax} nodes, which is the most. Remove one first.`);
  }
  const node: DirectoryNode = {
    id: state.nextNodeId,
    name,
    state: "joining",
    directoryId,
    peerAddress: request.peerAddress,
    zone: request.zone ?? "",
    weight: request.weight ?? ordinaryWeight,
    isDecommissioned: false,
  };
  return { ...state, nextNodeId: node.id + 1, nodes: [...state.nodes, node] };
}

function joinAgain(state: DirectoryState, known: DirectoryNode, request: RequestOf<"join">): Result {
  if (known.state === "removed") return removedRefusal(known);
  if (known.name !== request.name) {
    const cure = `Start it as ${known.name}, or give ${request.name} an empty directory.`;
    return new NodeStateError(`This directory has joined as ${known.name}, not as ${request.name}. ${cure}`);
  }
  return withDetails(state, known, request);
}

export function announce(state: DirectoryState, request: RequestOf<"announce">): Result {
  const fault = faultOfDetails(request);
  if (fault !== undefined) return fault;
  const node = presentNode(state, request.node);
  return node instanceof DirectoryRefusal ? node : withDetails(state, node, request);
}

export function activate(state: DirectoryState, request: RequestOf<"activate">): Result {
  const node = presentNode(state, request.node);
  if (node instanceof DirectoryRefusal) return node;
  if (node.state === "active") return state;
  if (node.state !== "joining")
    return new NodeStateError(`${node.name} is ${node.state}. Resume it to have it take replicas.`);
  return withNode(state, { ...node, state: "active" });
}

export function drain(state: DirectoryState, { node: id, isForced }: RequestOf<"drain">): Result {
  const node = presentNode(state, id);
  if (node instanceof DirectoryRefusal) return node;
  if (node.state === "draining" || node.state === "drained") return state;
  const fault = node.state === "active" ? faultOfLeaving(state, node, isForced) : undefined;
  return fault ?? withNode(state, { ...node, state: "draining" });
}

export function decommission(state: DirectoryState, request: RequestOf<"decommission">): Result {
  const next = drain(state, { ...request, kind: "drain" });
  const node = next instanceof DirectoryRefusal ? undefined : nodeOfNumber(next, request.node);
  if (next instanceof DirectoryRefusal || node === undefined || node.isDecommissioned) return next;
  return withNode(next, { ...node, isDecommissioned: true });
}

export function resume(state: DirectoryState, request: RequestOf<"resume">): Result {
  const node = presentNode(state, request.node);
  if (node instanceof DirectoryRefusal) return node;
  if (node.state === "active" || node.state === "joining") return state;
  return withNode(state, { ...node, state: "active", isDecommissioned: false });
}

export function drained(state: DirectoryState, request: RequestOf<"drained">): Result {
  const node = presentNode(state, request.node);
  if (node instanceof DirectoryRefusal) return node;
  if (node.state === "drained") return state;
  if (node.state !== "draining")
    return new NodeStateError(`${node.name} is ${node.state}, not draining. Drain it first.`);
  const left = shardCountOf(state, node.id);
  if (left > 0)
    return new NodeStateError(`${node.name} has replicas of ${shardsText(left)} still. Wait until they have moved.`);
  return withNode(state, { ...node, state: "drained" });
}

export function remove(state: DirectoryState, { node: id, heard, isForced }: RequestOf<"remove">): Result {
  const node = nodeOfNumber(state, id);
  if (node === undefined) return unknownRefusal(id);
  if (node.state === "removed") return state;
  if (node.state === "active" && activeNodes(state).length === 1) return lastRefusal(node);
  if (!isForced) {
    const held = shardCountOf(state, id);
    if (heard.has(id) && held > 0) {
      const cure =
        "Decommission it: its replicas move elsewhere, and then it is removed. Or stop it first, or force it (--force).";
      return new NodeStateError(`${node.name} is alive and has replicas of ${shardsText(held)}. ${cure}`);
    }
    const risk = faultOfMajorities(state, node, heard);
    if (risk !== undefined) return risk;
  }
  return withoutOldest(withNode(state, { ...node, state: "removed", isDecommissioned: true }));
}

/** The node, if it can still be dealt with. */
function presentNode(state: DirectoryState, id: number): DirectoryNode | DirectoryRefusal {
  const node = nodeOfNumber(state, id);
  if (node === undefined) return unknownRefusal(id);
  return node.state === "removed" ? removedRefusal(node) : node;
}

function unknownRefusal(id: number): DirectoryRefusal {
  return new NodeUnknownError(`The cluster has no node with the number ${id}. Look at its list of nodes.`);
}

function removedRefusal({ name }: DirectoryNode): DirectoryRefusal {
  const cure = "Join with an empty directory: it gets another number.";
  return new NodeStateError(`${name} has been removed from the cluster, for good. ${cure}`);
}

function lastRefusal({ name }: DirectoryNode): DirectoryRefusal {
  return new TooFewNodesError(`${name} is the last node that takes replicas. Join another one first.`);
}

/** Whether an active node can do without taking replicas any more. */
function faultOfLeaving(state: DirectoryState, node: DirectoryNode, isForced: boolean): DirectoryRefusal | undefined {
  const left = activeNodes(state).length - 1;
  if (left === 0) return lastRefusal(node);
  const { replicas } = state.settings;
  if (isForced || left >= replicas) return undefined;
  const would = left === 1 ? "1 node would take replicas" : `${left} nodes would take replicas`;
  const cure = `Join another node first, or have fewer replicas (COTERIE SETTINGS replicas ${left}), or force it (--force).`;
  return new TooFewNodesError(`Without ${node.name} only ${would}, and each shard should have ${replicas}. ${cure}`);
}

const shownShardsMax = 10;

function faultOfMajorities(
  state: DirectoryState,
  node: DirectoryNode,
  heard: ReadonlySet<number>,
): DirectoryRefusal | undefined {
  const isAlive = (id: number): boolean =>
    id !== node.id && heard.has(id) && nodeOfNumber(state, id)?.state !== "removed";
  const atRisk = state.shards.filter(({ report: { voters } }) => {
    if (!voters.some((replica) => nodeOfReplica(replica) === node.id)) return false;
    return voters.filter((replica) => isAlive(nodeOfReplica(replica))).length <= voters.length / 2;
  });
  if (atRisk.length === 0) return undefined;
  const numbers = atRisk.map(({ shard }) => shard);
  const shown = numbers.slice(0, shownShardsMax).join(", ") + (numbers.length > shownShardsMax ? ", …" : "");
  const cure =
    "Start it, or the others that are away. Only if they are gone for good force it (--force): what they alone had is lost.";
  return new MajorityAtRiskError(
    `Without ${node.name} no majority is left of ${shardsText(numbers.length)} (${shown}). ${cure}`,
    numbers,
  );
}

function shardsText(count: number): string {
  return count === 1 ? "1 shard" : `${count} shards`;
}

function faultOfDetails({ peerAddress, zone, weight }: NodeDetails): DirectoryRefusal | undefined {
  if (zone !== undefined && !isZone(zone)) {
    const rule = 'It has letters, digits, ".", "_" and "-" (at most 63), and begins with a letter or a digit.';
    return new DirectoryValueError(`${JSON.stringify(zone)} is no name for a zone. ${rule}`);
  }
  const { min, max } = weightBounds;
  if (weight !== undefined && !isWithin(weight, weightBounds))
    return new DirectoryValueError(`The weight is ${weight}; it must be a whole number from ${min} to ${max}.`);
  if (peerAddress !== undefined && !(isHost(peerAddress.host) && isPort(peerAddress.port))) {
    const given = JSON.stringify(`${peerAddress.host}:${peerAddress.port}`);
    return new DirectoryValueError(`${given} is no address for peers: it has a host and a port from 1 to 65535.`);
  }
  return undefined;
}

function withDetails(state: DirectoryState, node: DirectoryNode, details: NodeDetails): DirectoryState {
  const { peerAddress = node.peerAddress, zone = node.zone, weight = node.weight } = details;
  return withNode(state, { ...node, peerAddress, zone, weight });
}

function withNode(state: DirectoryState, node: DirectoryNode): DirectoryState {
  return { ...state, nodes: state.nodes.map((old) => (old.id === node.id ? node : old)) };
}

/** Of the removed nodes that had joined too few are forgotten for the list to grow: the first of them, one at a time. */
function withoutOldest(state: DirectoryState): DirectoryState {
  const removed = state.nodes.filter((node) => node.state === "removed" && node.directoryId !== undefined);
  if (removed.length <= removedNodesMax) return state;
  const named = new Set(state.shards.flatMap(nodesOfShard));
  const oldest = removed.find(({ id }) => !named.has(id));
  return oldest === undefined ? state : { ...state, nodes: state.nodes.filter((node) => node !== oldest) };
}
