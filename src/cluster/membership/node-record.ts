/** What a node knows for good about itself and its peers: `node.json` in its directory. */
import { createHash } from "node:crypto";
import { firstReplicasMax, isEntryChecksum, isFirstReplicaCount, type SkippedEntry } from "../../directory/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import type { ReplicaId } from "../../raft/index.ts";
import { shardsMax } from "../../ring/index.ts";
import { DirectoryUnreadableError } from "../errors.ts";
import { entriesOf, isCount, isHex, isNameList, isNodeId, parseAddressFields, parseObject } from "./json-fields.ts";
import { firstMembers, type Member, memberOf } from "./member.ts";

export interface NodeRecord {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  readonly name: string;
  /** This node's number: its place in `names`, from 1, or what the directory gave it when it joined. */
  readonly nodeId: number;
  /** Of the nodes that the cluster began with, sorted; the same at all nodes for ever. */
  readonly names: readonly string[];
  /** Over so many shards the keys are divided, from the cluster's first start on. */
  readonly shardCount: number;
  /** How many replicas each shard was to have, as far as there are nodes, when the cluster began. */
  readonly replicaCount: number;
  /**
   * The nodes of the cluster as the directory named them last, in the order of their numbers. Soft: whoever is missing is
   * only heard of later.
   */
  readonly members: readonly Member[];
  /** 32 random hexadecimal digits from the first start, by which peers know this directory from another one. */
  readonly directoryId: string;
  /** How often the node has been started, the present run included. */
  readonly bootCounter: number;
  /** Of the last starts, the present one's last: 32 random hexadecimal digits each. At most {@link incarnationsMax}. */
  readonly incarnations: readonly string[];
  /** Of the node's own log, when it was opened last; 0 before that. */
  readonly diskEpoch: number;
  /** Where each node listens for its peers, its own address included, as far as known; by {@link nodeKey}. Soft. */
  readonly addresses: Readonly<Record<string, SocketAddress>>;
  /** By {@link nodeKey}. */
  readonly peers: Readonly<Record<string, PeerMemory>>;
  /**
   * By group, the newest replica that was ever to begin here, written before the log knows it: whatever the log lost, no
   * id is begun twice (CONSENSUS C-4). None: the one that the node has had from the beginning.
   */
  readonly replicas: Readonly<Record<string, ReplicaId>>;
  /**
   * Entries that the replicas of shards leave out, as the directory said: here before the first replica obeys, so that none
   * applies at its next start what it has left out before.
   */
  readonly skips: readonly SkippedEntry[];
  /** What a peer said that noticed that this directory is an empty, older or copied one: it is never worked on again. */
  readonly refusal: string | undefined;
}

/** The highest that was seen of a peer. A peer that comes with less has forgotten something. */
export interface PeerMemory {
  readonly directoryId: string;
  readonly bootCounter: number;
  /** 32 hexadecimal digits: of the run with that boot counter. */
  readonly incarnation: string;
  readonly diskEpoch: number;
}

/** What is known of a node before its first start, when nothing has happened yet. */
export function firstRecord(
  identity: Pick<
    NodeRecord,
    "clusterId" | "name" | "nodeId" | "names" | "shardCount" | "replicaCount" | "members" | "directoryId" | "addresses"
  >,
): NodeRecord {
  const nothingYet = { bootCounter: 0, incarnations: [], diskEpoch: 0, peers: {}, replicas: {}, skips: [] };
  return { ...identity, ...nothingYet, refusal: undefined };
}

/** In the node's directory. */
export const nodeRecordFile = "node.json";

/** Of so many starts a node knows which incarnation each was. */
export const incarnationsMax = 256;

const format = 1;

/**
 * Under what a node's address and memory stand in the record: a first node's name, and for others their number, since a
 * name may come back under another number.
 */
export function nodeKey(names: readonly string[], nodeId: number): string {
  return names[nodeId - 1] ?? `#${nodeId}`;
}

/** With a checksum: one flipped bit can turn a number into another that makes sense, and have a sound peer refused. */
export function formatNodeRecord(record: NodeRecord): string {
  const fields = { format, ...record };
  return `${JSON.stringify({ ...fields, checksum: checksumOf(fields) }, undefined, 2)}\n`;
}

/** Of what the fields say, however it is laid out: 16 hexadecimal digits. */
function checksumOf(fields: object): string {
  return createHash("sha256").update(JSON.stringify(fields)).digest("hex").slice(0, 16);
}

/** @throws DirectoryUnreadableError (DIRECTORY_UNREADABLE) */
export function parseNodeRecord(path: string, text: string): NodeRecord {
  const parsed = parseObject(text);
  if (parsed === undefined) throw new DirectoryUnreadableError(path, `cannot be read. ${restore}`);
  const { checksum, ...fields } = parsed;
  if (fields.format !== format) {
    const reason = `has format ${String(fields.format)}; this version knows ${format}. Run the version that wrote it.`;
    throw new DirectoryUnreadableError(path, reason);
  }
  const { clusterId, name, names, directoryId, bootCounter, diskEpoch, shardCount = 1, incarnations = [] } = fields;
  const isWhole =
    isHex(clusterId, 32) &&
    typeof name === "string" &&
    isNameList(names) &&
    isHex(directoryId, 32) &&
    isCount(shardCount) &&
    shardCount >= 1 &&
    shardCount <= shardsMax &&
    isCount(bootCounter) &&
    isIncarnations(incarnations, bootCounter) &&
    isCount(diskEpoch);
  const replicas = entriesOf(fields.replicas).filter((each): each is [string, number] => isCount(each[1]));
  const isEveryReplicaKnown = replicas.length === entriesOf(fields.replicas).length;
  const damaged = new DirectoryUnreadableError(path, `is damaged or incomplete. ${restore}`);
  // Versions before wrote none.
  if (checksum !== undefined && checksum !== checksumOf(fields)) throw damaged;
  const skips = entriesOf(fields.skips).flatMap(([, value]) => parseSkip(value));
  if (!isWhole || !isEveryReplicaKnown || skips.length !== entriesOf(fields.skips).length) throw damaged;
  if (fields.replicaCount === undefined && names.length > firstReplicasMax) {
    const reason = `is of a cluster of ${names.length} first nodes, each with every shard; this version serves up to ${firstReplicasMax}.`;
    throw new DirectoryUnreadableError(path, reason);
  }
  // Of directories from before there were others, every node has every shard.
  const { nodeId = names.indexOf(name) + 1, replicaCount = Math.max(3, names.length) } = fields;
  const members = parseKept(names, fields.members);
  const isSound = isNodeId(nodeId) && isNodeId(replicaCount) && isFirstReplicaCount(replicaCount, names.length);
  if (!isSound || !members.some((member) => member.id === nodeId && member.name === name)) throw damaged;
  return {
    clusterId,
    name,
    nodeId,
    names,
    shardCount,
    replicaCount,
    members,
    directoryId,
    bootCounter,
    incarnations,
    diskEpoch,
    addresses: Object.fromEntries(entriesOf(fields.addresses).flatMap(([key, value]) => parseAddress(key, value))),
    peers: Object.fromEntries(entriesOf(fields.peers).flatMap(([key, value]) => parsePeer(key, value))),
    replicas: Object.fromEntries(replicas),
    skips,
    refusal: typeof fields.refusal === "string" ? fields.refusal : undefined,
  };
}

const restore = "The node's identity stands there: put the file back from the newest copy of this directory.";

/** What cannot be read of the soft copy is left out; the first nodes are always among them. */
function parseKept(names: readonly string[], value: unknown): readonly Member[] {
  const members = new Map(firstMembers(names).map((member) => [member.id, member]));
  for (const [, fields] of entriesOf(value)) {
    const member = parseMember(fields);
    if (member !== undefined) members.set(member.id, member);
  }
  return [...members.values()].toSorted((left, right) => left.id - right.id);
}

/** A JSON text: members in the order of their numbers. Undefined if it is anything else. */
export function parseMembers(text: string): readonly Member[] | undefined {
  const entries = entriesOf(parseObject(text));
  const members = entries.flatMap(([, fields]) => parseMember(fields) ?? []);
  const isOrdered = members.every(({ id }, at) => id > (members[at - 1]?.id ?? 0));
  return members.length === entries.length && members.length > 0 && isOrdered ? members : undefined;
}

/** Undefined if it makes no sense. */
export function parseMember(value: unknown): Member | undefined {
  const fields = Object.fromEntries(entriesOf(value));
  const { id, name, directoryId } = fields;
  const state = memberStates.find((known) => known === fields.state);
  if (!isNodeId(id) || typeof name !== "string" || name === "" || state === undefined) return undefined;
  return memberOf({
    id,
    name,
    state,
    directoryId: isHex(directoryId, 32) ? directoryId : undefined,
    peerAddress: parseAddressFields(fields.peerAddress),
  });
}

const memberStates: readonly Member["state"][] = ["joining", "active", "draining", "drained", "removed"];

function parseAddress(name: string, value: unknown): [string, SocketAddress][] {
  const address = parseAddressFields(value);
  return address === undefined ? [] : [[name, address]];
}

function parsePeer(name: string, value: unknown): [string, PeerMemory][] {
  const { directoryId, bootCounter, incarnation, diskEpoch } = Object.fromEntries(entriesOf(value));
  if (!isCount(bootCounter) || !isCount(diskEpoch) || !isHex(incarnation, 32) || !isHex(directoryId, 32)) return [];
  return [[name, { directoryId, bootCounter, incarnation, diskEpoch }]];
}

function parseSkip(value: unknown): SkippedEntry[] {
  const { shard, index, term, checksum, atMs, by, because } = Object.fromEntries(entriesOf(value));
  const isPlace = isCount(shard) && isCount(index) && isCount(term) && isCount(atMs);
  if (!isPlace || typeof checksum !== "string" || !isEntryChecksum(checksum)) return [];
  if (typeof by !== "string" || typeof because !== "string") return [];
  return [{ shard, index, term, checksum, atMs, by, because }];
}

function isIncarnations(value: unknown, bootCounter: number): value is string[] {
  const isList = Array.isArray(value) && value.length <= Math.min(bootCounter, incarnationsMax);
  return isList && value.every((each) => isHex(each, 32));
}
