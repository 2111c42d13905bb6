/**
 * Who may speak as whom (DESIGN §6, CONSENSUS D-9, D-10, M-11). A peer has shown that it knows the secret; here it is
 * judged whether it is a node of this cluster, and whether it still knows all that it once knew. A node that comes with
 * an empty, older or copied directory has forgotten its votes and acknowledgements: counting on it could lose data.
 */
import type { EarlierRun, PeerIdentity, Refusal } from "../../net/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import { shapeDigest } from "./identity.ts";
import type { Member } from "./member.ts";
import type { NodeDirectory } from "./node-directory.ts";

/** Undefined lets the peer in, and remembers it. `earlier`: who it says it was at the start that was seen last. */
export function admit(directory: NodeDirectory, peer: PeerIdentity, earlier: EarlierRun): Refusal | undefined {
  const refusal = strangerRefusal(directory, peer) ?? forgottenRefusal(directory, peer, earlier);
  if (refusal === undefined) directory.remember(peer);
  return refusal;
}

function strangerRefusal(directory: NodeDirectory, peer: PeerIdentity): Refusal | undefined {
  const { record } = directory;
  const { clusterId, name, names, shardCount, replicaCount } = record;
  if (Buffer.compare(peer.shapeDigest, shapeDigest(record)) !== 0) {
    const shape = `${names} with ${shardCount} shards of ${replicaCount} replicas`;
    const text = `node ${peer.name} was given another set of names, or another number of shards or replicas, than node ${name}, which knows ${shape}: start all nodes with the same.`;
    return { code: "WRONG_NAMES", text };
  }
  if (Buffer.from(peer.clusterId).toString("hex") !== clusterId) {
    const text = `node ${peer.name} belongs to another cluster than node ${name}: give it the addresses of its own peers.`;
    return { code: "WRONG_CLUSTER", text };
  }
  const member = directory.member(peer.nodeId);
  if (member === undefined) {
    const text = `node ${name} does not know node ${peer.name} (${peer.nodeId}) yet: nothing is to be done, it asks the nodes that it knows.`;
    return { code: "UNKNOWN_NODE", text };
  }
  if (member.name !== peer.name || peer.nodeId === directory.nodeId) {
    const text = `node ${peer.name} (${peer.nodeId}) cannot be a peer of node ${name}: run each name once.`;
    return { code: "WRONG_NODE", text };
  }
  return member.state === "removed" ? removedRefusal(member) : undefined;
}

/** What a node is told that the cluster has done without for good. */
export function removedRefusal({ id, name }: Member): Refusal {
  const text =
    `node ${name} (${id}) was removed from the cluster, and its number is never used again: let it join anew with an empty ` +
    "directory, and delete this one.";
  return { code: "REMOVED", text };
}

/**
 * Counters alone would not do: an old copy that is killed before it hears of its refusal, and started again, has counted
 * on past what its peers have seen. It still does not know the incarnation that they saw.
 */
function forgottenRefusal(directory: NodeDirectory, peer: PeerIdentity, earlier: EarlierRun): Refusal | undefined {
  const known = directory.memoryOf(peer.nodeId);
  const directoryId = Buffer.from(peer.directoryId).toString("hex");
  const joinedWith = directory.member(peer.nodeId)?.directoryId;
  if (joinedWith !== undefined && joinedWith !== directoryId) return forgotten(directory, peer, "another");
  if (known === undefined) return undefined;
  if (known.directoryId !== directoryId) return forgotten(directory, peer, "another");
  // A connection of the run that is known already: its epoch may have been read before a newer one came in.
  const isSameRun =
    peer.bootCounter === known.bootCounter && Buffer.from(peer.incarnation).toString("hex") === known.incarnation;
  const isLater = peer.bootCounter > known.bootCounter && peer.diskEpoch >= known.diskEpoch;
  if (isSameRun) return undefined;
  if (!isLater) return forgotten(directory, peer, "an older or copied");
  if (earlier.start !== known.bootCounter) return askedForAnother(peer);
  const { incarnation } = earlier;
  const isHeir = incarnation === undefined || Buffer.from(incarnation).toString("hex") === known.incarnation;
  return isHeir ? undefined : forgotten(directory, peer, "an older or copied");
}

/** Another connection has told of a later run meanwhile, or another node was dialled: to be asked again, nobody is at fault. */
function askedForAnother(peer: PeerIdentity): Refusal {
  return {
    code: "NOT_EXPECTED",
    text: `node ${peer.name} was asked about another run than the one that was seen last.`,
  };
}

function forgotten(directory: NodeDirectory, peer: PeerIdentity, kind: string): Refusal {
  const known = directory.memoryOf(peer.nodeId);
  const has = `start ${peer.bootCounter}, disk epoch ${peer.diskEpoch}`;
  const seen =
    known === undefined ? "the one with which it joined" : `start ${known.bootCounter}, disk epoch ${known.diskEpoch}`;
  const text =
    `node ${peer.name} comes with ${kind} directory (${has}; node ${directory.record.name} has seen ${seen}): ` +
    "it has forgotten its votes and what it acknowledged. Start it with its newest directory. If that is lost, leave the " +
    "node off: the others go on without it while they are a majority.";
  return { code: "FORGOTTEN", text };
}

/** Who this node is to those that judge it likewise. */
export function ownIdentity(
  { record, nodeId, incarnation }: NodeDirectory,
  { diskEpoch, address }: { readonly diskEpoch: number; readonly address: SocketAddress },
): PeerIdentity {
  const { clusterId, directoryId, name, bootCounter } = record;
  return {
    clusterId: Buffer.from(clusterId, "hex"),
    shapeDigest: shapeDigest(record),
    nodeId,
    name,
    directoryId: Buffer.from(directoryId, "hex"),
    bootCounter,
    incarnation,
    diskEpoch,
    address,
  };
}
