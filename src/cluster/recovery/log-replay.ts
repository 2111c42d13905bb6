/** Everything that a group's log holds, applied to its end without anybody having said that it is committed. */
import { Keyspace } from "../../keyspace/index.ts";
import type { GroupLog, NodeLog } from "../../log/index.ts";
import { type Configuration, changeConfiguration, type Entry, type NormalEntry } from "../../raft/index.ts";
import { Applier } from "../replica/applier.ts";
import { isLostSnapshot, loadKeyspace } from "../snapshots/snapshot-loading.ts";
import { RecoveryRefusedError } from "./recovery-plan.ts";
import type { SurveyedConfiguration } from "./recovery-survey.ts";

/** Entries are read in parts of so many bytes. */
const partBytesMax = 4 * 1_048_576;

export interface ReplayedLog {
  /** The state behind the last entry. What of an entry in pieces has come is not in it, if the rest has not. */
  readonly keyspace: Keyspace;
  readonly applier: Applier;
  /** The one that the log begins with, and those behind each change in it; ascending. */
  readonly configurations: readonly SurveyedConfiguration[];
}

export interface LogReplayOptions {
  readonly log: NodeLog;
  readonly group: number;
  /** What an empty log of the group stands for. */
  readonly first: Configuration;
  /** See `ApplierOptions`. */
  readonly isLeftOut: (entry: NormalEntry) => boolean;
}

/**
 * A text says why not: the log or the snapshot before it is damaged.
 *
 * @throws RecoveryRefusedError (RECOVERY_REFUSED) for an entry that cannot be applied, and SnapshotUnknownError (SNAPSHOT_UNKNOWN) and
 * SemanticsLevelError (SEMANTICS_LEVEL) for what a newer version has written
 */
export async function replayLog({ log, group, first, isLeftOut }: LogReplayOptions): Promise<ReplayedLog | string> {
  const stored = log.group(group);
  if (stored.isDamaged) return "its log is damaged";
  try {
    const keyspace = (await loadKeyspace(log, group)) ?? new Keyspace();
    const applier = new Applier({ keyspace, onChecksum: () => {}, isLeftOut });
    const index = stored.snapshot?.index ?? 0;
    const configurations = [{ index, configuration: stored.snapshot?.configuration ?? first }];
    for (let next = index + 1; next <= stored.lastIndex; ) {
      const entries = await entriesFrom(stored, next);
      if (entries === undefined) return "its log is damaged";
      for (const entry of entries) {
        applyTo(applier, group, entry);
        noteConfiguration(configurations, entry);
      }
      next += entries.length;
    }
    return { keyspace, applier, configurations };
  } catch (error) {
    if (error instanceof Error && isLostSnapshot(error)) return error.message;
    throw error;
  }
}

/** What stops one replica stops all: that is no reason to give up what any of them holds. */
function applyTo(applier: Applier, group: number, entry: Entry): void {
  try {
    if (entry.kind === "normal") applier.apply(entry, undefined);
    else applier.skip(entry);
  } catch (error) {
    const cure =
      "Run a version that can apply it, or have it left out while the group has its majority (coterie shard skip).";
    throw new RecoveryRefusedError(`Entry ${entry.index} of group ${group} cannot be applied: ${error}. ${cure}`, {
      cause: error,
    });
  }
}

/** Undefined: they are damaged. */
async function entriesFrom(log: GroupLog, index: number): Promise<readonly Entry[] | undefined> {
  for (;;) {
    const entries = log.entries(index, log.lastIndex + 1, partBytesMax);
    if (entries !== "unavailable") return entries;
    await new Promise<void>((resolve) => {
      log.onAvailable(resolve);
    });
    if (log.isDamaged) return undefined;
  }
}

/** A change that cannot be is none, as Raft has it. */
function noteConfiguration(configurations: SurveyedConfiguration[], entry: Entry): void {
  const before = configurations.at(-1);
  if (entry.kind !== "configuration" || before === undefined) return;
  const result = changeConfiguration(before.configuration, entry.change);
  if ("configuration" in result) configurations.push({ index: entry.index, configuration: result.configuration });
}
