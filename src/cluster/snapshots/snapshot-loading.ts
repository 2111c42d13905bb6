import {
  type Keyspace,
  KeyspaceLoader,
  type KeyspaceOptions,
  SnapshotDigestError,
  SnapshotFormatError,
} from "../../keyspace/index.ts";
import { type NodeLog, SnapshotDamagedError } from "../../log/index.ts";
import { CoterieError, type Logger } from "../../platform/index.ts";

/** Bytes that are read at once. */
const readBytes = 262_144;

/** What the snapshots of groups hold, or why that cannot be had: a replica is told so, and the others start. */
export async function loadKeyspaces(
  log: NodeLog,
  groups: readonly number[],
  { logger, semanticsLevelMax }: { readonly logger: Logger; readonly semanticsLevelMax: number },
): Promise<Map<number, Keyspace | Error>> {
  const keyspaces = new Map<number, Keyspace | Error>();
  for (const group of groups) {
    if (log.group(group).isDamaged) continue;
    try {
      const keyspace = await loadKeyspace(log, group, { semanticsLevelMax });
      if (keyspace !== undefined) keyspaces.set(group, keyspace);
    } catch (error) {
      if (!(error instanceof CoterieError)) throw error;
      logger.log("error", "a snapshot cannot be loaded", { group, error: error.message });
      keyspaces.set(group, error);
    }
  }
  return keyspaces;
}

/**
 * The state that a group's newest snapshot holds, verified by its digest; undefined if there is no snapshot.
 *
 * @throws SnapshotDamagedError (SNAPSHOT_DAMAGED), and what `KeyspaceLoader` throws
 */
export async function loadKeyspace(
  log: NodeLog,
  group: number,
  options: KeyspaceOptions = {},
): Promise<Keyspace | undefined> {
  const reader = log.openSnapshot(group);
  if (reader === undefined) return undefined;
  try {
    const loader = new KeyspaceLoader(options);
    const { sizeBytes, index } = reader.snapshot;
    for (let offset = 0; offset < sizeBytes; offset += readBytes) loader.feed(await reader.read(offset, readBytes));
    return checkedIndex(loader.finish(), index);
  } finally {
    await reader.close();
  }
}

/** @throws SnapshotFormatError (SNAPSHOT_FORMAT) if it is the state of another index. */
export function checkedIndex(keyspace: Keyspace, index: number): Keyspace {
  const { appliedIndex } = keyspace.header();
  if (appliedIndex !== index) {
    throw new SnapshotFormatError(`a snapshot of index ${index} holds the state of index ${appliedIndex}`);
  }
  return keyspace;
}

/** Whether what the snapshot held is lost. One that another version has written is not. */
export function isLostSnapshot(error: Error): boolean {
  return (
    error instanceof SnapshotDamagedError ||
    error instanceof SnapshotFormatError ||
    error instanceof SnapshotDigestError
  );
}
