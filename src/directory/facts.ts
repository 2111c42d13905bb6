/** What a node answers when it is asked for the directory: its copy, and what it sees of leaders and nodes at that moment. */
import { shardsMax } from "../ring/index.ts";
import { isWithin, nodeNumberMax, skipsMax } from "./bounds.ts";
import type { DirectoryState } from "./directory-state.ts";
import { DirectoryRecordError } from "./errors.ts";
import { type DirectoryRecord, recordsOf, stateOfRecords } from "./with-records.ts";

export interface DirectoryFacts {
  readonly state: DirectoryState;
  /** By shard: the number of the node that leads it, as far as it is known. */
  readonly leaders: readonly (number | undefined)[];
  /** The numbers of the nodes that answer. */
  readonly heard: ReadonlySet<number>;
}

/** As JSON, for {@link readFacts}. Programs are better served by pictures, which say the same in more words. */
export function textOfFacts({ state, leaders, heard }: DirectoryFacts): string {
  const { epoch } = state;
  return JSON.stringify({
    version,
    epoch,
    records: recordsOf(state),
    leaders: state.shards.map((_, shard) => leaders[shard] ?? null),
    heard: [...heard].sort((a, b) => a - b),
  });
}

/** @throws DirectoryRecordError (DIRECTORY_RECORD) when another version wrote it, or nobody did. */
export function readFacts(text: string): DirectoryFacts {
  const fields = parse(text);
  const { epoch, records, leaders, heard } = fields;
  const isEpoch = isWithin(epoch, { min: 0, max: Number.MAX_SAFE_INTEGER });
  if (fields.version !== version || !isEpoch || !isRecordList(records) || !isNodeList(heard) || !isLeaderList(leaders))
    throw notUnderstood();
  const state = stateOfRecords(epoch, records);
  if (leaders.length !== state.shards.length) throw notUnderstood();
  return { state, leaders: leaders.map((leader) => leader ?? undefined), heard: new Set(heard) };
}

const version = 1;

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    throw notUnderstood();
  }
}

function notUnderstood(): DirectoryRecordError {
  return new DirectoryRecordError("answer", "is not understood");
}

function isRecordList(value: unknown): value is readonly DirectoryRecord[] {
  return Array.isArray(value) && value.length <= nodeNumberMax + shardsMax + skipsMax + 2 && value.every(isRecord);
}

function isRecord(value: unknown): value is DirectoryRecord {
  return Array.isArray(value) && value.length === 2 && value.every((each) => typeof each === "string");
}

function isNodeList(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every(isNodeNumber);
}

function isLeaderList(value: unknown): value is readonly (number | null)[] {
  return Array.isArray(value) && value.every((each) => each === null || isNodeNumber(each));
}

function isNodeNumber(value: unknown): value is number {
  return isWithin(value, { min: 1, max: nodeNumberMax });
}
