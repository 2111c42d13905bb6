import { type Disk, DiskError, type Logger } from "../platform/index.ts";
import type { LogIdentity } from "./format.ts";
import type { ReplayedGroup } from "./replayed-group.ts";
import type { StoredSnapshot } from "./snapshot.ts";
import {
  decodeSnapshotHeader,
  decodeSnapshotHeaderBytes,
  parseSnapshotName,
  type SnapshotPlace,
  snapshotFileBytes,
  snapshotName,
} from "./snapshot-file.ts";

interface Place {
  readonly disk: Disk;
  readonly directory: string;
  readonly identity: LogIdentity;
  readonly logger: Logger;
}

export interface FoundSnapshots {
  /** By group; the newest that is there. */
  readonly snapshots: ReadonlyMap<number, StoredSnapshot>;
  /** Groups whose log goes on behind a snapshot that is gone or damaged. */
  readonly damaged: ReadonlySet<number>;
  /** Paths of files that nothing relies on: not complete, not named by the log, or replaced. */
  readonly leftovers: readonly string[];
}

const readTriesMax = 2;

/**
 * Finds the snapshots that the log names, by their headers; what stands in them is verified when it is read. If the one
 * that is named is gone, an older one that the log still reaches back to takes its place. Changes nothing.
 *
 * @throws DiskError
 */
export async function findSnapshots(
  place: Place,
  names: readonly string[],
  groups: ReadonlyMap<number, ReplayedGroup>,
): Promise<FoundSnapshots> {
  const files = names.map((name) => ({ name, at: parseSnapshotName(name) }));
  const snapshots = new Map<number, StoredSnapshot>();
  const damaged = new Set<number>();
  const used = new Set<string>();
  for (const [id, group] of groups) {
    const { snapshotIndex } = group.durable;
    const { baseIndex } = group;
    const candidates = files
      .flatMap(({ at }) => (at?.isComplete === true && at.group === id ? [at.index] : []))
      .filter((index) => index <= snapshotIndex && index >= baseIndex)
      .sort((a, b) => b - a);
    let found: StoredSnapshot | undefined;
    for (const index of candidates) {
      found = await readHeader(place, { group: id, index });
      if (found !== undefined) break;
    }
    if (found !== undefined) {
      snapshots.set(id, found);
      used.add(snapshotName({ group: id, index: found.index }));
    } else if (baseIndex > 0) {
      damaged.add(id);
      place.logger.log("error", "snapshot damaged", { group: id, index: snapshotIndex });
    }
  }
  const isKept = (name: string, at: SnapshotPlace): boolean =>
    used.has(name) || damaged.has(at.group) || groups.get(at.group)?.isDamaged === true;
  const leftovers = files.flatMap(({ name, at }) =>
    at === undefined || (at.isComplete && isKept(name, at)) ? [] : [`${place.directory}/${name}`],
  );
  return { snapshots, damaged, leftovers };
}

/** Undefined if the file is not whole, or not this one. */
async function readHeader(place: Place, at: SnapshotPlace): Promise<StoredSnapshot | undefined> {
  const path = `${place.directory}/${snapshotName(at)}`;
  for (let tries = 1; ; tries++) {
    try {
      return await readHeaderOnce(place, path, at);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      if (error.code === "ENOENT") return undefined;
      if (error.code !== "EIO") throw error;
      if (tries === readTriesMax) return undefined;
    }
  }
}

async function readHeaderOnce(
  { disk, identity }: Place,
  path: string,
  at: SnapshotPlace,
): Promise<StoredSnapshot | undefined> {
  const file = await disk.open(path, "read");
  try {
    const headerBytes = decodeSnapshotHeaderBytes(await file.read(0, 4_096));
    if (headerBytes === undefined) return undefined;
    const snapshot = decodeSnapshotHeader(await file.read(0, headerBytes), identity, at);
    if (snapshot === undefined) return undefined;
    const isWhole = (await file.sizeBytes()) === snapshotFileBytes(headerBytes, snapshot.sizeBytes);
    return isWhole ? snapshot : undefined;
  } finally {
    await file.close();
  }
}
