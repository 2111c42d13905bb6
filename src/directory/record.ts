/**
 * The directory's records: short JSON texts under keys, the same bytes for the same value. What is read is checked as
 * input: a record that a newer version wrote, with fields or values that this one does not know, is refused as a whole,
 * since half understood it would lead the nodes to different states.
 */
import type { SocketAddress } from "../platform/index.ts";
import { shardsMax } from "../ring/index.ts";
import {
  type Bounds,
  isDirectoryId,
  isEntryChecksum,
  isHost,
  isPort,
  isSkipText,
  isWithin,
  isZone,
  movesPerNodeBounds,
  nameLengthMax,
  nodeNumberMax,
  recordBytesMax,
  replaceAfterMsBounds,
  replicasBounds,
  weightBounds,
} from "./bounds.ts";
import type {
  DirectoryNode,
  DirectoryNodeState,
  DirectorySettings,
  DirectoryShard,
  ShardReport,
  SkippedEntry,
} from "./directory-state.ts";
import { DirectoryRecordError } from "./errors.ts";
import { differenceOf, faultOfReport, isSameList, voterNodesOf } from "./shard-report.ts";

/** Of the records' form. */
const version = 1;

const states: Readonly<Record<DirectoryNodeState, true>> = {
  joining: true,
  active: true,
  draining: true,
  drained: true,
  removed: true,
};

const shardBounds: Bounds = { min: 0, max: shardsMax - 1 };
const indexBounds: Bounds = { min: 1, max: Number.MAX_SAFE_INTEGER };

/** What a key names. */
export type RecordKey =
  | { readonly kind: "node"; readonly id: number }
  | { readonly kind: "shard"; readonly shard: number }
  | { readonly kind: "skip"; readonly shard: number; readonly index: number }
  | { readonly kind: "settings" }
  | { readonly kind: "next-node" };

export const settingsKey = "settings";
export const nextNodeKey = "next-node";

export function nodeKey(id: number): string {
  return `node:${id}`;
}

export function shardKey(shard: number): string {
  return `shard:${shard}`;
}

export function skipKey({ shard, index }: Pick<SkippedEntry, "shard" | "index">): string {
  return `skip:${shard}:${index}`;
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD) */
export function parseKey(key: string): RecordKey {
  if (key === settingsKey) return { kind: "settings" };
  if (key === nextNodeKey) return { kind: "next-node" };
  const [, kind, digits] = /^(node|shard):(0|[1-9]\d{0,4})$/.exec(key) ?? [];
  const number = Number(digits);
  const [, skippedIn, skipped] = /^skip:(0|[1-9]\d{0,4}):([1-9]\d{0,15})$/.exec(key) ?? [];
  const skip = { shard: Number(skippedIn), index: Number(skipped) };
  if (isWithin(skip.shard, shardBounds) && isWithin(skip.index, indexBounds)) return { kind: "skip", ...skip };
  if (kind === "node" && isWithin(number, { min: 1, max: nodeNumberMax })) return { kind, id: number };
  if (kind === "shard" && isWithin(number, shardBounds)) return { kind, shard: number };
  throw new DirectoryRecordError(key.slice(0, 64), "is not known to this version");
}

export function formatNode(node: DirectoryNode): string {
  const { name, state, directoryId, peerAddress, zone, weight, isDecommissioned } = node;
  const address = peerAddress === undefined ? null : { host: peerAddress.host, port: peerAddress.port };
  return format({
    name,
    state,
    directoryId: directoryId ?? null,
    peerAddress: address,
    zone,
    weight,
    isDecommissioned,
  });
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD) */
export function parseNode(id: number, text: string): DirectoryNode {
  const record = new RecordFields(nodeKey(id), text);
  const node: DirectoryNode = {
    id,
    name: record.take(
      "name",
      (value): value is string => isText(value) && value !== "" && value.length <= nameLengthMax,
    ),
    state: record.take("state", isNodeState),
    directoryId: record.take("directoryId", isDirectoryIdOrNull) ?? undefined,
    peerAddress: record.take("peerAddress", isAddressOrNull) ?? undefined,
    zone: record.take("zone", (value): value is string => isText(value) && isZone(value)),
    weight: record.take("weight", (value) => isWithin(value, weightBounds)),
    isDecommissioned: record.take("isDecommissioned", (value) => typeof value === "boolean"),
  };
  record.end();
  return node;
}

export function formatShard({ report, wish }: DirectoryShard): string {
  const { configurationIndex, voters, learners, highestReplica } = report;
  return format({ configurationIndex, voters, learners, highestReplica, wish });
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD) */
export function parseShard(shard: number, text: string): DirectoryShard {
  const key = shardKey(shard);
  const record = new RecordFields(key, text);
  const report: ShardReport = {
    configurationIndex: record.take("configurationIndex", isNumber),
    voters: record.take("voters", isNumberList),
    learners: record.take("learners", isNumberList),
    highestReplica: record.take("highestReplica", isNumber),
  };
  const wish = record.take("wish", isNumberList);
  record.end();
  const fault = faultOfReport(report) ?? faultOfWish(wish, voterNodesOf(report));
  if (fault !== undefined) throw new DirectoryRecordError(key, `cannot be: ${fault}`);
  return { shard, report, wish };
}

/** What is wrong with a wish for a shard that `voters` keep; undefined: nothing. */
export function faultOfWish(wish: readonly number[], voters: readonly number[]): string | undefined {
  if (wish.length === 0) return "nobody is to keep the shard";
  if (!wish.every((node, at) => isWithin(node, { min: (wish[at - 1] ?? 0) + 1, max: nodeNumberMax })))
    return "its nodes are no sorted list of numbers";
  if (isSameList(wish, voters)) return undefined;
  if (wish.length > Math.max(replicasBounds.max, voters.length))
    return `a shard has at most ${replicasBounds.max} replicas`;
  return differenceOf(voters, wish).isOne ? undefined : "more than one replica is to move";
}

export function formatSettings({ replicas, replaceAfterMs, movesPerNodeMax }: DirectorySettings): string {
  return format({ replicas, replaceAfterMs, movesPerNodeMax });
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD) */
export function parseSettings(text: string): DirectorySettings {
  const record = new RecordFields(settingsKey, text);
  const settings: DirectorySettings = {
    replicas: record.take("replicas", (value) => isWithin(value, replicasBounds)),
    replaceAfterMs: record.take("replaceAfterMs", (value) => isWithin(value, replaceAfterMsBounds)),
    movesPerNodeMax: record.take("movesPerNodeMax", (value) => isWithin(value, movesPerNodeBounds)),
  };
  record.end();
  return settings;
}

export function formatNextNode(id: number): string {
  return format({ id });
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD) */
export function parseNextNode(text: string): number {
  const record = new RecordFields(nextNodeKey, text);
  // One above the highest number says that all have been given.
  const id = record.take("id", (value) => isWithin(value, { min: 2, max: nodeNumberMax + 1 }));
  record.end();
  return id;
}

export function formatSkip({ term, checksum, atMs, by, because }: SkippedEntry): string {
  return format({ term, checksum, atMs, by, because });
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD) */
export function parseSkip(at: Pick<SkippedEntry, "shard" | "index">, text: string): SkippedEntry {
  const record = new RecordFields(skipKey(at), text);
  const isLine = (value: unknown): value is string => isText(value) && isSkipText(value);
  const skip: SkippedEntry = {
    shard: at.shard,
    index: at.index,
    term: record.take("term", (value) => isWithin(value, indexBounds)),
    checksum: record.take("checksum", (value): value is string => isText(value) && isEntryChecksum(value)),
    atMs: record.take("atMs", (value) => isWithin(value, { min: 0, max: Number.MAX_SAFE_INTEGER })),
    by: record.take("by", isLine),
    because: record.take("because", isLine),
  };
  record.end();
  return skip;
}

function format(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ version, ...fields });
}

/** The fields of one record, each of which is to be taken. */
class RecordFields {
  constructor(key: string, text: string) {
    this.#key = key;
    if (text.length > recordBytesMax) throw this.#error(`is longer than ${recordBytesMax} bytes`);
    this.#fields = this.#parse(text);
    const found = this.#fields.get("version");
    if (found !== version) throw this.#error(`has version ${JSON.stringify(found)}; this version knows ${version}`);
    this.#fields.delete("version");
  }

  take<T>(name: string, isRight: (value: unknown) => value is T): T {
    const value = this.#fields.get(name);
    if (!this.#fields.has(name)) throw this.#error(`lacks ${name}`);
    if (!isRight(value)) throw this.#error(`has a ${name} that cannot be: ${JSON.stringify(value).slice(0, 100)}`);
    this.#fields.delete(name);
    return value;
  }

  end(): void {
    const [name] = this.#fields.keys();
    if (name !== undefined) throw this.#error(`has an unknown field, ${JSON.stringify(name).slice(0, 100)}`);
  }

  readonly #key: string;
  readonly #fields: Map<string, unknown>;

  #parse(text: string): Map<string, unknown> {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#error("is no JSON");
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.#error("is no JSON object");
    return new Map(Object.entries(value));
  }

  #error(reason: string): DirectoryRecordError {
    return new DirectoryRecordError(this.#key, reason);
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isNumberList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isNumber);
}

function isNodeState(value: unknown): value is DirectoryNodeState {
  return isText(value) && Object.hasOwn(states, value);
}

function isDirectoryIdOrNull(value: unknown): value is string | null {
  return value === null || (isText(value) && isDirectoryId(value));
}

function isAddressOrNull(value: unknown): value is SocketAddress | null {
  if (value === null) return true;
  if (typeof value !== "object") return false;
  const { host, port, ...others } = Object.fromEntries(Object.entries(value));
  return Object.keys(others).length === 0 && isText(host) && isHost(host) && isPort(port);
}
