/** The snapshot with which a group begins anew: all that its chosen log holds, to its end, and what the recovery adds to it. */
import { recordsBetween } from "../../directory/index.ts";
import { directoryCommandTable, EntryWriter, Keyspace, snapshotChunkBytes } from "../../keyspace/index.ts";
import type { Log } from "../../log/index.ts";
import { assert, type Logger } from "../../platform/index.ts";
import { emptyConfiguration, type NormalEntry } from "../../raft/index.ts";
import { FirstMembers } from "../groups/first-members.ts";
import type { NodeRecord } from "../membership/node-record.ts";
import { changeArguments } from "../placement/directory-client.ts";
import { Applier } from "../replica/applier.ts";
import { leftOutBy } from "../replica/left-out-entries.ts";
import { directoryGroup } from "../replica/shard-group.ts";
import { directoryAt } from "./directory-survey.ts";
import { replayLog } from "./log-replay.ts";
import { recoveredDirectory } from "./recovery-directory.ts";
import { type EmptiedGroup, type RecoveredGroup, type RecoveryPlan, RecoveryRefusedError } from "./recovery-plan.ts";

export interface BeginningOptions {
  readonly log: Log;
  /** Of the node on which the group begins. */
  readonly record: NodeRecord;
  readonly plan: RecoveryPlan;
  readonly logger: Logger;
}

/**
 * Writes the snapshot, durably; nothing is different yet.
 *
 * @throws RecoveryRefusedError (RECOVERY_REFUSED) if the log turns out to be damaged, SnapshotNotWrittenError
 * (SNAPSHOT_NOT_WRITTEN), and what `replayLog` throws
 */
export async function writeBeginning(options: BeginningOptions, fate: RecoveredGroup | EmptiedGroup): Promise<void> {
  const { group, index, term, successor } = fate;
  const { keyspace, applier } = await stateOf(options, fate);
  const entry = group === directoryGroup ? directoryEntry(options, fate, keyspace) : undefined;
  if (entry === undefined) applier.skip({ index, term });
  else applier.apply(entry, undefined);
  const configuration = { ...emptyConfiguration, voters: [successor], highestReplica: successor };
  const writer = options.log.prepareBeginning(group, { index, term, configuration });
  // Nothing changes meanwhile: nothing is held.
  const snapshot = keyspace.beginSnapshot({ heldBytesMax: Number.MAX_SAFE_INTEGER });
  try {
    const room = Buffer.allocUnsafeSlow(snapshotChunkBytes);
    for (let chunk = snapshot.next(room); chunk !== undefined; chunk = snapshot.next(room)) {
      if (chunk.length > 0) await writer.write(chunk);
    }
    await writer.commit();
  } finally {
    snapshot.close();
  }
}

interface State {
  readonly keyspace: Keyspace;
  readonly applier: Applier;
}

async function stateOf({ log, record }: BeginningOptions, fate: RecoveredGroup | EmptiedGroup): Promise<State> {
  if (fate.kind === "emptied") {
    const keyspace = new Keyspace();
    return { keyspace, applier: new Applier({ keyspace, onChecksum: () => {}, isLeftOut: () => false }) };
  }
  const { group } = fate;
  const first = new FirstMembers(record).of(group);
  const replayed = await replayLog({ log, group, first, isLeftOut: leftOutBy(record, group) });
  if (typeof replayed !== "string") return replayed;
  const cure = "Survey the directory again, and make another plan.";
  throw new RecoveryRefusedError(`Group ${group} cannot be carried on here any more: ${replayed}. ${cure}`);
}

/** By which the directory says what has become of the cluster; undefined: it says so already. */
function directoryEntry(
  { record, plan, logger }: BeginningOptions,
  { index, term }: RecoveredGroup | EmptiedGroup,
  keyspace: Keyspace,
): NormalEntry | undefined {
  const state = directoryAt(record, keyspace, logger);
  const records = recordsBetween(state, recoveredDirectory(state, plan));
  if (records.length === 0) return undefined;
  const args = changeArguments(state.epoch, records);
  assert(directoryCommandTable.resolve(args) !== undefined, "the command that changes the directory");
  const writer = new EntryWriter();
  writer.begin();
  writer.add(args);
  const { clockMs: timeMs } = keyspace.header();
  return { kind: "normal", index, term, data: writer.finish({ timeMs, seedLow: 0, seedHigh: 0 }) };
}
