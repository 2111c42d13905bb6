import { skipsMax } from "./bounds.ts";
import type { DirectoryNode, DirectoryState, SkippedEntry } from "./directory-state.ts";
import { DirectoryRecordError } from "./errors.ts";
import { genesis } from "./genesis.ts";
import {
  formatNextNode,
  formatNode,
  formatSettings,
  formatShard,
  formatSkip,
  nextNodeKey,
  nodeKey,
  parseKey,
  parseNextNode,
  parseNode,
  parseSettings,
  parseShard,
  parseSkip,
  settingsKey,
  shardKey,
  skipKey,
} from "./record.ts";

/** Key and text; an empty text takes the record away. */
export type DirectoryRecord = readonly [key: string, text: string];

/**
 * The state with `records` put into it, as of `epoch`. Applied to the genesis it makes a state of all records that there
 * are; to the state before, of those that changed.
 *
 * @throws DirectoryRecordError (DIRECTORY_RECORD) when one of them is not understood; the state is as it was
 */
export function withRecords(state: DirectoryState, epoch: number, records: Iterable<DirectoryRecord>): DirectoryState {
  let { nextNodeId, settings } = state;
  const shards = [...state.shards];
  const skips = new Map<string, SkippedEntry>();
  const changedNodes = new Map<number, DirectoryNode | undefined>();
  for (const [key, text] of records) {
    const name = parseKey(key);
    if (text === "" && name.kind !== "node") throw new DirectoryRecordError(key, "is always there");
    if (name.kind === "node") {
      changedNodes.set(name.id, text === "" ? undefined : parseNode(name.id, text));
    } else if (name.kind === "settings") {
      settings = parseSettings(text);
    } else if (name.kind === "next-node") {
      nextNodeId = parseNextNode(text);
    } else {
      if (name.shard >= shards.length) throw new DirectoryRecordError(key, `is none of the ${shards.length} shards`);
      if (name.kind === "skip") skips.set(key, parseSkip(name, text));
      else shards[name.shard] = parseShard(name.shard, text);
    }
  }
  const nodes = changedNodes.size === 0 ? state.nodes : withNodes(state, changedNodes);
  const newest = nodes.at(-1);
  if (newest !== undefined && newest.id >= nextNodeId) {
    throw new DirectoryRecordError(nodeKey(newest.id), "has a number that was not given yet");
  }
  return { epoch, nextNodeId, settings, nodes, shards, skips: withSkips(state, skips) };
}

/**
 * The records in which `after` differs from `before`: of nodes, of shards, of entries that are left out, then the others; empty ones take nodes away.
 * What both states share as an object is not looked at, so that a small change of a large directory costs little.
 */
export function recordsBetween(before: DirectoryState, after: DirectoryState): readonly DirectoryRecord[] {
  const records: DirectoryRecord[] = [];
  const known = new Map(before.nodes.map((node) => [node.id, node]));
  for (const node of after.nodes) {
    const old = known.get(node.id);
    known.delete(node.id);
    if (old === node) continue;
    const text = formatNode(node);
    if (old === undefined || formatNode(old) !== text) records.push([nodeKey(node.id), text]);
  }
  for (const id of known.keys()) records.push([nodeKey(id), ""]);
  for (const [at, shard] of after.shards.entries()) {
    const old = before.shards[at];
    if (old === shard) continue;
    const text = formatShard(shard);
    if (old === undefined || formatShard(old) !== text) records.push([shardKey(at), text]);
  }
  if (before.skips !== after.skips) {
    const stood = new Map(before.skips.map((skip) => [skipKey(skip), formatSkip(skip)]));
    for (const skip of after.skips)
      if (stood.get(skipKey(skip)) !== formatSkip(skip)) records.push([skipKey(skip), formatSkip(skip)]);
  }
  if (formatSettings(before.settings) !== formatSettings(after.settings))
    records.push([settingsKey, formatSettings(after.settings)]);
  if (before.nextNodeId !== after.nextNodeId) records.push([nextNodeKey, formatNextNode(after.nextNodeId)]);
  return records;
}

/** The whole state as records: nodes and shards by number, entries that are left out, then the settings and the next number. */
export function recordsOf({ nodes, shards, skips, settings, nextNodeId }: DirectoryState): readonly DirectoryRecord[] {
  return [
    ...nodes.map((node): DirectoryRecord => [nodeKey(node.id), formatNode(node)]),
    ...shards.map((shard): DirectoryRecord => [shardKey(shard.shard), formatShard(shard)]),
    ...skips.map((skip): DirectoryRecord => [skipKey(skip), formatSkip(skip)]),
    [settingsKey, formatSettings(settings)],
    [nextNodeKey, formatNextNode(nextNodeId)],
  ];
}

/**
 * The state of which these are all the records.
 *
 * @throws DirectoryRecordError (DIRECTORY_RECORD) when one of them is not understood, or is missing
 */
export function stateOfRecords(epoch: number, records: readonly DirectoryRecord[]): DirectoryState {
  const keys = new Set(records.map(([key]) => key));
  const shardCount = records.filter(([key]) => parseKey(key).kind === "shard").length;
  const shards = Array.from({ length: shardCount }, (_, shard) => shardKey(shard));
  const missing = [settingsKey, nextNodeKey, shardKey(0), ...shards].find((key) => !keys.has(key));
  if (missing !== undefined) throw new DirectoryRecordError(missing, "is missing");
  // Every part of it is replaced.
  const empty = genesis({ names: ["-"], shardCount });
  return withRecords({ ...empty, nodes: [] }, epoch, records);
}

/** One text for one state: what was reached by other ways is the same, byte for byte. */
export function textOfState(state: DirectoryState): string {
  return [`epoch ${state.epoch}`, ...recordsOf(state).map(([key, text]) => `${key} ${text}`), ""].join("\n");
}

function withSkips({ skips }: DirectoryState, changed: ReadonlyMap<string, SkippedEntry>): readonly SkippedEntry[] {
  if (changed.size === 0) return skips;
  const byKey = new Map([...skips.map((skip): [string, SkippedEntry] => [skipKey(skip), skip]), ...changed]);
  if (byKey.size > skipsMax) throw new DirectoryRecordError("skip", `is one of more than ${skipsMax}`);
  return [...byKey.values()].sort((a, b) => a.shard - b.shard || a.index - b.index);
}

function withNodes(
  { nodes, nextNodeId }: DirectoryState,
  changed: ReadonlyMap<number, DirectoryNode | undefined>,
): readonly DirectoryNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  for (const [id, node] of changed) {
    const isFirst = byId.get(id)?.directoryId === undefined;
    if (node !== undefined) byId.set(id, node);
    else if (isFirst && id < nextNodeId && byId.has(id))
      throw new DirectoryRecordError(nodeKey(id), "is a first node's");
    else byId.delete(id);
  }
  return [...byId.values()].sort((a, b) => a.id - b.id);
}
