/** What the directory's values may be. Stated once, for who decides a change and for who reads a record. */

/** A cluster numbers its nodes from 1 up to this, and never gives a number twice. */
export const nodeNumberMax = 65_535;
/** Nodes that are not removed. */
export const nodesMax = 1_024;
/** Of removed nodes that joined later than the first start so many are remembered, the latest. */
export const removedNodesMax = 256;
/** Entries that are to be left out, of all shards: they stay for ever. */
export const skipsMax = 256;
/** UTF-16 units of who wants an entry to be left out, and of why. */
export const skipTextLengthMax = 200;
/** UTF-16 units of a node's name; who joins has a stricter rule. */
export const nameLengthMax = 255;
export const zoneLengthMax = 63;
export const hostLengthMax = 253;
/** Members that a report may name: those of the largest shard, and some on their way. */
export const reportMembersMax = 64;
/** Of one record. The longest that can be written, a shard with {@link reportMembersMax} members, stays below it. */
export const recordBytesMax = 4_096;

/** From `min` to `max`, both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

export const replicasBounds: Bounds = { min: 1, max: 15 };
/** From a second to 30 days. */
export const replaceAfterMsBounds: Bounds = { min: 1_000, max: 2_592_000_000 };
export const movesPerNodeBounds: Bounds = { min: 1, max: 64 };
export const weightBounds: Bounds = { min: 1, max: 10_000 };

export function isWithin(value: unknown, { min, max }: Bounds): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
}

/** Letters, digits, ".", "_" and "-", at most 63 of them, beginning with a letter or a digit. */
export function isJoinName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text);
}

/** 64 hexadecimal digits. */
export function isEntryChecksum(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Printed as it is: without control characters. */
export function isSkipText(text: string): boolean {
  return text !== "" && text.length <= skipTextLengthMax && !/\p{Cc}/u.test(text);
}

/** As a node's name, or empty. */
export function isZone(text: string): boolean {
  return text === "" || isJoinName(text);
}

/** 32 hexadecimal digits. */
export function isDirectoryId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** The name or number of a machine, without blanks; whether it can be reached shows itself later. */
export function isHost(text: string): boolean {
  return text.length <= hostLengthMax && /^[A-Za-z0-9:][A-Za-z0-9:.%_-]*$/.test(text);
}

export function isPort(value: unknown): value is number {
  return isWithin(value, { min: 1, max: 65_535 });
}
