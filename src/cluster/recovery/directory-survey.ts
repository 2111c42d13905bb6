/** Looks at a stopped node's directory, and changes nothing of it. */
import { type DirectoryState, genesis } from "../../directory/index.ts";
import type { Keyspace } from "../../keyspace/index.ts";
import { Log, type NodeLog } from "../../log/index.ts";
import { type Clock, type Disk, DiskError, type DiskLock, type Logger } from "../../platform/index.ts";
import { FirstMembers } from "../groups/first-members.ts";
import { groupStanding } from "../groups/group-standing.ts";
import { takeDirectoryLock } from "../membership/directory-lock.ts";
import { type NodeRecord, nodeRecordFile, parseNodeRecord } from "../membership/node-record.ts";
import { readSecret } from "../membership/secret-file.ts";
import { readFileIfThere } from "../membership/small-file.ts";
import { DirectoryCopy } from "../placement/directory-copy.ts";
import { leftOutBy } from "../replica/left-out-entries.ts";
import { replicaOf } from "../replica/replica-id.ts";
import { directoryGroup, groupsOf } from "../replica/shard-group.ts";
import { replayLog } from "./log-replay.ts";
import { OverlayDisk } from "./overlay-disk.ts";
import { RecoveryRefusedError } from "./recovery-plan.ts";
import { type NodeSurvey, type SurveyedDirectory, type SurveyedReplica, surveyedNode } from "./recovery-survey.ts";

export interface SurveyOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The node's. */
  readonly directory: string;
  /** Of the log's segments. Default: as the log has it. */
  readonly segmentBytes?: number;
  /** Called before each group that is read, with how many there are: all of its log is read, which may take a while. */
  readonly onGroup?: (group: number, groupCount: number) => void;
}

/**
 * Reads back and applies all that the directory holds, so that what is damaged is known, group after group.
 *
 * @throws DirectoryInUseError (DIRECTORY_IN_USE) while its node runs, DirectoryUnreadableError (DIRECTORY_UNREADABLE),
 * RecoveryRefusedError (RECOVERY_REFUSED), the errors of `Log.open` and `replayLog`, DiskError
 */
export async function surveyDirectory(options: SurveyOptions): Promise<NodeSurvey> {
  const lock = await takeExisting(options);
  try {
    return await surveyLocked(options);
  } finally {
    await lock.release();
  }
}

/** The same for who holds the directory already. */
export async function surveyLocked(options: SurveyOptions): Promise<NodeSurvey> {
  const { directory, onGroup } = options;
  const record = await readRecord(options);
  const log = await openForReading(options, record);
  try {
    const groups: SurveyedReplica[] = [];
    let known: SurveyedDirectory | undefined;
    const all = groupsOf(record.shardCount);
    for (const group of all) {
      onGroup?.(group, all.length);
      const found = await surveyGroup(log, group, record, options.logger);
      if (found === undefined) continue;
      groups.push(found.replica);
      known ??= found.directory;
    }
    const { clusterId, nodeId, name, directoryId, bootCounter, shardCount } = record;
    const members = record.members.map(surveyedNode);
    const incarnation = record.incarnations.at(-1) ?? "";
    const identity = { clusterId, nodeId, name, directoryId, incarnation, bootCounter, shardCount };
    return { ...identity, members, directory: known, groups };
  } finally {
    await log.close();
    options.logger.log("debug", "a directory was surveyed", { directory });
  }
}

/** @throws DirectoryInUseError (DIRECTORY_IN_USE), RecoveryRefusedError (RECOVERY_REFUSED), DiskError */
export async function takeExisting({ disk, directory }: Pick<SurveyOptions, "disk" | "directory">): Promise<DiskLock> {
  try {
    await disk.list(directory);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === "ENOENT")) throw error;
    throw new RecoveryRefusedError(`${directory} is not there. Give the directory of a node.`);
  }
  return takeDirectoryLock(disk, directory);
}

/** What the directory at that state of its log says of the cluster. */
export function surveyedDirectory({ epoch, nextNodeId, nodes, shards }: DirectoryState): SurveyedDirectory {
  return {
    epoch,
    nextNodeId,
    nodes: nodes.map(surveyedNode),
    reports: shards.map(({ report: { configurationIndex, highestReplica } }) => ({
      configurationIndex,
      highestReplica,
    })),
  };
}

async function readRecord({ disk, directory }: SurveyOptions): Promise<NodeRecord> {
  const path = `${directory}/${nodeRecordFile}`;
  const text = await readFileIfThere(disk, path);
  if (text === undefined)
    throw new RecoveryRefusedError(
      `${directory} holds no node: ${nodeRecordFile} is missing. Give the directory of a node.`,
    );
  const record = parseNodeRecord(path, text.toString("utf8"));
  if (record.refusal !== undefined) {
    const cure = "Nothing that this directory holds may be counted on: leave it out.";
    throw new RecoveryRefusedError(`${directory} was refused by its peers (${record.refusal}). ${cure}`);
  }
  // Without it the node does not start: it is known before anybody counts on this directory.
  await readSecret(disk, directory);
  return record;
}

/** As at a start, with whatever that changes changed in memory alone. */
async function openForReading(
  { disk, clock, logger, directory, segmentBytes }: SurveyOptions,
  record: NodeRecord,
): Promise<NodeLog> {
  const { clusterId, nodeId, bootCounter, diskEpoch } = record;
  const { log } = await Log.open({
    disk: new OverlayDisk(disk),
    clock,
    logger,
    directory: `${directory}/log`,
    identity: { clusterId: Buffer.from(clusterId, "hex"), nodeId },
    bootCounter: bootCounter + 1,
    diskEpochSeen: diskEpoch,
    scrubIntervalMs: 0,
    ...(segmentBytes !== undefined && { segmentBytes }),
  });
  return log;
}

interface SurveyedGroup {
  readonly replica: SurveyedReplica;
  readonly directory: SurveyedDirectory | undefined;
}

/** Undefined: there never was anything of it here. */
async function surveyGroup(
  log: NodeLog,
  group: number,
  record: NodeRecord,
  logger: Logger,
): Promise<SurveyedGroup | undefined> {
  const stored = log.group(group);
  const firstMembers = new FirstMembers(record);
  const remembered = record.replicas[group] ?? 0;
  const firstReplica = replicaOf(record.nodeId, 0);
  const isFirst = firstMembers.has(group, record.nodeId);
  const standing = groupStanding({ log: stored, remembered, isFirst, firstReplica });
  const replica = Math.max(firstReplica, stored.replica, remembered);
  if (standing === "none" && stored.replica === 0 && remembered === 0) return undefined;
  const nothing = { term: 0, commitIndex: 0, lastIndex: 0, lastTerm: 0, keyCount: 0, configurations: [] };
  const gone = { group, replica, hasGone: true, damage: undefined, ...nothing };
  if (standing !== "replica") return { replica: gone, directory: undefined };
  const isBehind = Math.max(firstReplica, stored.replica) < remembered || stored.isEnded;
  const first = firstMembers.of(group);
  const replayed = isBehind
    ? "its log does not hold the replica that was last to begin here"
    : await replayLog({ log, group, first, isLeftOut: leftOutBy(record, group) });
  const lastIndex = Math.max(stored.lastIndex, stored.snapshot?.index ?? 0);
  const { term, commit: commitIndex } = stored.hardState;
  const place = { group, replica, hasGone: false, term, commitIndex, lastIndex };
  if (typeof replayed === "string") {
    const damaged = { ...place, damage: replayed, lastTerm: 0, keyCount: 0, configurations: [] };
    return { replica: damaged, directory: undefined };
  }
  const { keyspace } = replayed;
  const { keyCount } = keyspace;
  const isNew = lastIndex === 0 && replica !== firstReplica;
  const configurations = isNew ? [] : replayed.configurations;
  const found = { ...place, damage: undefined, lastTerm: stored.term(stored.lastIndex), keyCount, configurations };
  if (group !== directoryGroup) return { replica: found, directory: undefined };
  return { replica: found, directory: surveyedDirectory(directoryAt(record, keyspace, logger)) };
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD): a newer version has written it */
export function directoryAt(record: NodeRecord, keyspace: Keyspace, logger: Logger): DirectoryState {
  const { names, shardCount, replicaCount } = record;
  const start = genesis({ names, shardCount, replicas: replicaCount });
  const copy = new DirectoryCopy({ genesis: start, logger, onChange: () => {} });
  copy.look(keyspace);
  if (copy.fault !== undefined) throw copy.fault;
  return copy.state;
}
