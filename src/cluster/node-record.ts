/** What a node knows for good about itself and its peers: `node.json` in its directory. */
import type { SocketAddress } from "../platform/index.ts";
import type { ReplicaId } from "../raft/index.ts";
import { shardsMax } from "../ring/index.ts";
import { DirectoryUnreadableError } from "./errors.ts";

export interface NodeRecord {
  /** 32 hexadecimal digits. */
  readonly clusterId: string;
  readonly name: string;
  /** Of all nodes of the cluster, sorted. A node's number is its place here, from 1. */
  readonly names: readonly string[];
  /** Over so many shards the keys are divided, from the cluster's first start on. */
  readonly shardCount: number;
  /** 32 random hexadecimal digits from the first start, by which peers know this directory from another one. */
  readonly directoryId: string;
  /** How often the node has been started, the present run included. */
  readonly bootCounter: number;
  /** Of the last starts, the present one's last: 32 random hexadecimal digits each. At most {@link incarnationsMax}. */
  readonly incarnations: readonly string[];
  /** Of the node's own log, when it was opened last; 0 before that. */
  readonly diskEpoch: number;
  /** Where each node listens for its peers, its own address included, as far as known. Soft. */
  readonly addresses: Readonly<Record<string, SocketAddress>>;
  readonly peers: Readonly<Record<string, PeerMemory>>;
  /**
   * By group, the newest replica that was ever to begin here, written before the log knows it: whatever the log lost, no
   * id is begun twice (CONSENSUS C-4). None: the one that the node has had from the beginning.
   */
  readonly replicas: Readonly<Record<string, ReplicaId>>;
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

/** Of so many starts a node knows which incarnation each was. */
export const incarnationsMax = 256;

const format = 1;

export function formatNodeRecord(record: NodeRecord): string {
  return `${JSON.stringify({ format, ...record }, undefined, 2)}\n`;
}

/** @throws DirectoryUnreadableError (DIRECTORY_UNREADABLE) */
export function parseNodeRecord(path: string, text: string): NodeRecord {
  const fields = parseObject(text);
  if (fields === undefined) throw new DirectoryUnreadableError(path, `cannot be read. ${restore}`);
  if (fields.format !== format) {
    const reason = `has format ${String(fields.format)}; this version knows ${format}. Run the version that wrote it.`;
    throw new DirectoryUnreadableError(path, reason);
  }
  const { clusterId, name, names, directoryId, bootCounter, diskEpoch, shardCount = 1, incarnations = [] } = fields;
  const isWhole =
    isHex(clusterId, 32) &&
    typeof name === "string" &&
    isNameList(names) &&
    names.includes(name) &&
    isHex(directoryId, 32) &&
    isCount(shardCount) &&
    shardCount >= 1 &&
    shardCount <= shardsMax &&
    isCount(bootCounter) &&
    isIncarnations(incarnations, bootCounter) &&
    isCount(diskEpoch);
  const replicas = entriesOf(fields.replicas).filter((each): each is [string, number] => isCount(each[1]));
  const isEveryReplicaKnown = replicas.length === entriesOf(fields.replicas).length;
  if (!isWhole || !isEveryReplicaKnown)
    throw new DirectoryUnreadableError(path, `is damaged or incomplete. ${restore}`);
  return {
    clusterId,
    name,
    names,
    shardCount,
    directoryId,
    bootCounter,
    incarnations,
    diskEpoch,
    addresses: Object.fromEntries(entriesOf(fields.addresses).flatMap(([key, value]) => parseAddress(key, value))),
    peers: Object.fromEntries(entriesOf(fields.peers).flatMap(([key, value]) => parsePeer(key, value))),
    replicas: Object.fromEntries(replicas),
    refusal: typeof fields.refusal === "string" ? fields.refusal : undefined,
  };
}

const restore = "The node's identity stands there: put the file back from the newest copy of this directory.";

function parseAddress(name: string, value: unknown): [string, SocketAddress][] {
  const { host, port } = Object.fromEntries(entriesOf(value));
  return typeof host === "string" && isCount(port) && port <= 65_535 ? [[name, { host, port }]] : [];
}

function parsePeer(name: string, value: unknown): [string, PeerMemory][] {
  const { directoryId, bootCounter, incarnation, diskEpoch } = Object.fromEntries(entriesOf(value));
  if (!isCount(bootCounter) || !isCount(diskEpoch) || !isHex(incarnation, 32) || !isHex(directoryId, 32)) return [];
  return [[name, { directoryId, bootCounter, incarnation, diskEpoch }]];
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === "string" && value.length === digits && /^[0-9a-f]*$/.test(value);
}

function isIncarnations(value: unknown, bootCounter: number): value is string[] {
  const isList = Array.isArray(value) && value.length <= Math.min(bootCounter, incarnationsMax);
  return isList && value.every((each) => isHex(each, 32));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isNameList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string" && name !== "");
}
