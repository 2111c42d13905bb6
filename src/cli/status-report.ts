/** What `COTERIE STATUS` answers, as `coterie status` shows it: a table for people, the JSON itself for programs. */
import { sessionsMax } from "../keyspace/index.ts";
import { type Reply, VerbatimReply } from "../resp/index.ts";
import { fieldsOf, itemsOf, type JsonObject, parseObject } from "./json-object.ts";
import { formatAddress } from "./peer-list.ts";
import { StatusRefusedError } from "./refusal.ts";
import { semanticsLines } from "./semantics-lines.ts";
import { type Column, formatTable } from "./table.ts";

/** The answer of a node that was asked at `address`. @throws STATUS_REFUSED if it is no status */
export function readStatus(address: { readonly host: string; readonly port: number }, reply: Reply): JsonObject {
  const bytes = reply instanceof VerbatimReply ? reply.text : reply;
  const text = typeof bytes === "string" ? Buffer.from(bytes, "latin1").toString("utf8") : "";
  const status = parseObject(text);
  if (status !== undefined && Array.isArray(status.nodes)) return status;
  throw new StatusRefusedError(
    `${formatAddress(address)} answers something else than a status. Is it of another version?`,
  );
}

/** How far a node is in the log; where there are several shards each has a line of its own that says it. */
const progressColumns: readonly Column[] = [
  { title: "term", rightAligned: true },
  { title: "commit", rightAligned: true },
  { title: "applied", rightAligned: true },
];

const columnsOf = (progress: readonly Column[]): readonly Column[] => [
  { title: "node" },
  { title: "role" },
  ...progress,
  { title: "log", rightAligned: true },
  { title: "heard", rightAligned: true },
  { title: "pid", rightAligned: true },
  { title: "Redis address" },
];

const shardColumns: readonly Column[] = [
  { title: "shard", rightAligned: true },
  { title: "slots" },
  { title: "leader" },
  { title: "term", rightAligned: true },
  { title: "commit", rightAligned: true },
  { title: "applied everywhere", rightAligned: true },
  { title: "keys", rightAligned: true },
];

/** Lines for a terminal. What a node of another version does not say is shown as "-". */
export function formatStatus(status: JsonObject): readonly string[] {
  const nodes = itemsOf(status.nodes).map(fieldsOf);
  const shardCount = shardCountOf(status, nodes);
  const rows = nodes.map((node) => rowOf(node, shardCount));
  const shards = shardCount > 1 ? ["", ...formatTable(shardColumns, shardRows(nodes, shardCount))] : [];
  const notes = [
    ...digestLines(itemsOf(status.commonChecksums).map(fieldsOf)),
    ...sessionLines(nodes),
    ...moveLines(status),
    ...semanticsLines(status),
    ...remarks(nodes, shardCount),
  ];
  const columns = columnsOf(shardCount > 1 ? [] : progressColumns);
  return [...formatTable(columns, rows), ...shards, ...notes.flatMap((note, at) => (at === 0 ? ["", note] : [note]))];
}

/** Nodes of an older version do not say it, and have a replica of each. */
function shardCountOf({ shardCount }: JsonObject, nodes: readonly JsonObject[]): number {
  return typeof shardCount === "number" ? shardCount : Math.max(...nodes.map((node) => groupsOf(node).length), 0);
}

function groupsOf(node: JsonObject): readonly JsonObject[] {
  return itemsOf(fieldsOf(node.status).groups).map(fieldsOf);
}

/** The node's replica of a shard, or none. */
function replicasOf(node: JsonObject, shard: number): readonly JsonObject[] {
  return groupsOf(node).filter(({ group = 1, role }) => Number(group) - 1 === shard && role !== undefined);
}

/** A line a shard, as its leader sees it, or else the first replica that answers. */
function shardRows(nodes: readonly JsonObject[], shardCount: number): readonly (readonly string[])[] {
  return Array.from({ length: shardCount }, (_, shard) => {
    const replicas = nodes.flatMap((node) => replicasOf(node, shard));
    const best = replicas.find(({ role }) => role === "leader") ?? replicas[0] ?? {};
    const { first, last } = fieldsOf(best.slots);
    const applied = replicas.map(({ appliedIndex }) => appliedIndex).filter((index) => typeof index === "number");
    return [
      String(shard),
      `${shown(first)}-${shown(last)}`,
      shown(best.leader),
      shown(best.term),
      shown(best.commitIndex),
      applied.length === 0 ? "-" : String(Math.min(...applied)),
      shown(best.keyCount),
    ];
  });
}

function rowOf(node: JsonObject, shardCount: number): readonly string[] {
  const status = fieldsOf(node.status);
  const groups = groupsOf(node);
  const [only = {}] = groups;
  const progress = shardCount > 1 ? [] : [only.term, only.commitIndex, only.appliedIndex].map(shown);
  const led = groups.filter(({ role }) => role === "leader").length;
  const role =
    shardCount > 1 ? `leads ${led} of ${groups.length}` : only.role === undefined ? "none" : shown(only.role);
  const isSilent = node.status === null || node.status === undefined;
  return [
    shown(node.name),
    isSilent ? "no answer" : role,
    ...progress,
    typeof status.logBytes === "number" ? formatBytes(status.logBytes) : "-",
    formatHeard(node.lastContactMs),
    shown(status.pid),
    shown(fieldsOf(status.attributes).redis),
  ];
}

/** How many sessions there are, where there are any. */
function sessionLines(nodes: readonly JsonObject[]): readonly string[] {
  const counts = new Map<unknown, number>();
  for (const { group, sessionCount } of nodes.flatMap((node) => groupsOf(node)))
    if (typeof sessionCount === "number") counts.set(group, Math.max(sessionCount, counts.get(group) ?? 0));
  const most = Math.max(0, ...counts.values());
  if (most === 0) return [];
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const where = counts.size > 1 ? `, at most ${most} in a shard` : "";
  return [`Sessions: ${total}${where}; a shard holds up to ${sessionsMax}, then those unused for longest go.`];
}

/** Which nodes held the same state at the index at which they were compared last. */
function digestLines(checksums: readonly JsonObject[]): readonly string[] {
  const [first = {}, ...others] = checksums;
  if (others.length === 0) return digestLine(first, "");
  const lines = checksums.flatMap((checksum) => digestLine(checksum, `Shard ${Number(checksum.group) - 1}, at`));
  const differing = lines.filter((line) => line.includes("DIFFER"));
  return differing.length > 0 ? differing : [`The digests of ${lines.length} shards are the same at all replicas.`];
}

function digestLine(checksum: JsonObject, where: string): readonly string[] {
  if (typeof checksum.index !== "number") return [];
  const names = new Map<string, string[]>();
  for (const [name, digest] of Object.entries(fieldsOf(checksum.digests))) {
    const text = shown(digest).slice(0, 16);
    names.set(text, [...(names.get(text) ?? []), name]);
  }
  const parts = [...names].map(([digest, holders]) => `${digest} (${holders.join(", ")})`);
  const what = parts.length > 1 ? "THE DIGESTS DIFFER" : "digest";
  return parts.length === 0 ? [] : [`${where || "At"} index ${checksum.index}: ${what} ${parts.join(", ")}`];
}

/** What is wrong, one line each. */
const deadText = "it answers, though others have told that it does not.";
const cutText = "other nodes hear it, the one that was asked does not.";

function remarks(nodes: readonly JsonObject[], shardCount: number): string[] {
  const lines: string[] = [];
  const answered = nodes.filter((node) => typeof node.status === "object" && node.status !== null);
  const ledShards = Array.from({ length: shardCount }, (_, shard) =>
    answered.some((node) => replicasOf(node, shard).some(({ role }) => role === "leader")),
  ).filter((isLed) => isLed).length;
  const what = shardCount > 1 ? `${shardCount - ledShards} of ${shardCount} shards have no leader` : "No node leads";
  if (ledShards < shardCount || answered.length === 0)
    lines.push(`${what}: reads and writes wait until a majority of the ${nodes.length} nodes is up.`);
  for (const node of nodes) {
    const { gossip, name } = node;
    const isAnswering = answered.includes(node);
    if (isAnswering && gossip === "dead") lines.push(`${shown(name)}: ${deadText}`);
    if (!isAnswering && gossip === "alive") lines.push(`${shown(name)}: ${cutText}`);
  }
  for (const node of answered) {
    const status = fieldsOf(node.status);
    if (status.isDiskFull === true)
      lines.push(`${shown(node.name)}: the disk is full; writes are refused until there is space.`);
    if (status.isDiskSlow === true) {
      const time = typeof status.syncMs === "number" ? ` (a sync takes ${Math.round(status.syncMs)} ms)` : "";
      lines.push(`${shown(node.name)}: the disk is slow beside the others'${time}; other nodes lead where they can.`);
    }
    const { damageCount } = fieldsOf(status.scrub);
    if (typeof damageCount === "number" && damageCount > 0)
      lines.push(
        `${shown(node.name)}: reading back what is stored has found damage (${damageCount}): look at its disk.`,
      );
    for (const group of itemsOf(status.groups).map(fieldsOf))
      if (typeof group.stoppedBecause === "string") {
        lines.push(
          `${shown(node.name)}: ${replicaName(group, shardCount)} has stopped: ${group.stoppedBecause}${stopHint(group)}`,
        );
      }
  }
  return [
    ...lines,
    ...directoryLines(answered),
    ...rebuildLines(answered, shardCount),
    ...leftOutLines(answered),
    ...warningLines(answered),
  ];
}

/** What can be done about an entry that a replica could not apply. */
function stopHint({ group, stoppedBy }: JsonObject): string {
  const { index } = fieldsOf(stoppedBy);
  return typeof index === "number"
    ? ` (to look at the entry: coterie shard skip ${Number(group) - 1} ${index} --dry-run)`
    : "";
}

/** What was lost because somebody said so is to be seen for good. */
function leftOutLines(answered: readonly JsonObject[]): readonly string[] {
  const lines = answered.flatMap((node) =>
    groupsOf(node).flatMap((group) =>
      itemsOf(group.leftOut)
        .map(fieldsOf)
        .map(({ index, by, because }) => {
          return `Shard ${Number(group.group) - 1} leaves out entry ${shown(index)}: ${shown(by)} said so, because of ${shown(because)}.`;
        }),
    ),
  );
  return [...new Set(lines)];
}

/** What the node that leads the directory leaves to an operator. */
function warningLines(answered: readonly JsonObject[]): readonly string[] {
  const warnings = answered.flatMap((node) => itemsOf(fieldsOf(fieldsOf(node.status).directory).warnings));
  return [...new Set(warnings.filter((warning) => typeof warning === "string"))];
}

/** How many replicas are on their way, where there are any. */
function moveLines({ moves }: JsonObject): readonly string[] {
  const { length } = itemsOf(moves);
  if (length === 0) return [];
  return [`${length === 1 ? "1 replica moves" : `${length} replicas move`}: see coterie shard ls.`];
}

/** What is wrong with the directory. */
function directoryLines(answered: readonly JsonObject[]): readonly string[] {
  const nodes = answered.filter(({ status }) => typeof fieldsOf(fieldsOf(status).directory).role === "string");
  const replicas = nodes.map((node) => ({ node: shown(node.name), ...fieldsOf(fieldsOf(node.status).directory) }));
  if (replicas.length === 0) return [];
  const isLed = replicas.some(({ role }: JsonObject) => role === "leader");
  const stopped = replicas.filter(({ stoppedBecause }: JsonObject) => typeof stoppedBecause === "string");
  return [
    ...(isLed
      ? []
      : ["No node leads the directory: nodes cannot come or go until most of those that vote on it are up."]),
    ...stopped.map(({ node, stoppedBecause }: JsonObject) => {
      return `${shown(node)}: its replica of the directory has stopped: ${shown(stoppedBecause)}`;
    }),
  ];
}

function replicaName(group: JsonObject, shardCount: number): string {
  if (group.group === 0) return "its replica of the directory";
  return shardCount > 1 ? `its replica of shard ${Number(group.group) - 1}` : "the replica";
}

/** A line for each replica that is made anew: what its leader says of it, or else what its own node does. */
function rebuildLines(answered: readonly JsonObject[], shardCount: number): readonly string[] {
  const lines = new Map<string, string>();
  const groups = answered.flatMap((node) => [...groupsOf(node), fieldsOf(fieldsOf(node.status).directory)]);
  for (const group of groups.toSorted(
    (one, other) => Number(one.role === "leader") - Number(other.role === "leader"),
  )) {
    const rebuild = fieldsOf(group.rebuild);
    if (typeof rebuild.node !== "string") continue;
    const what = `${rebuild.node}: ${replicaName(group, shardCount)} is rebuilt from its peers`;
    lines.set(what, `${what}: ${rebuildProgress(rebuild)}`);
  }
  return [...lines.values()];
}

function rebuildProgress({ step, matchIndex, lastIndex, receivedBytes, snapshotBytes }: JsonObject): string {
  if (step === "asking") return "it waits for a leader, which a majority of whole replicas elects";
  if (step === "beginning") return "its successor begins";
  if (step !== "copying") return "the members change";
  if (typeof receivedBytes === "number" && typeof snapshotBytes === "number")
    return `${formatBytes(receivedBytes)} of ${formatBytes(snapshotBytes)} of a snapshot`;
  return typeof lastIndex === "number" ? `entry ${shown(matchIndex)} of ${lastIndex}` : `entry ${shown(matchIndex)}`;
}

function shown(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "-";
}

function formatHeard(milliseconds: unknown): string {
  if (typeof milliseconds !== "number") return "never";
  if (milliseconds < 1_000) return `${milliseconds} ms`;
  if (milliseconds < 9_950) return `${(milliseconds / 1_000).toFixed(1)} s`;
  return `${Math.round(milliseconds / 1_000)} s`;
}

/** "512 B", "3.4 MiB". */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} ${units[power]}`;
}
