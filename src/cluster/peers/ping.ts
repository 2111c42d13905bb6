/**
 * What nodes tell each other twice a second on their control connection; the answer gives the time.
 *
 * ```
 * ping   f64 nowMs | u53 disk epoch | u8 flags: 1 full, 2 slow, 4 has a figure     the other flags from version 5 on
 *        | f64 milliseconds of a write and its sync                                  from version 5 on
 *        | u16 number of a node that the sender does not hear, each                  from version 6 on
 * ```
 *
 * The version is that of the connection. What an older one cannot say is left out, and taken for what says nothing.
 */
import { nodesMax } from "../../directory/index.ts";
import type { ByteReader, ByteWriter } from "../../net/index.ts";
import type { DiskWord } from "../leadership/node-disks.ts";

export interface Ping {
  /** On the sender's monotonic clock; comes back with the answer. */
  readonly sentMs: number;
  readonly diskEpoch: number;
  readonly disk: DiskWord;
  /** Numbers of the nodes that the sender does not hear; undefined: it is of a version that does not say, which vouches for nobody. */
  readonly silent: readonly number[] | undefined;
}

/** Of a ping that names so many silent nodes. */
export function pingBytes(silentCount: number): number {
  return 26 + 2 * silentCount;
}

/** From these versions of the peer protocol on. */
const diskVersion = 5;
const silentVersion = 6;

const fullFlag = 1;
const slowFlag = 2;
const figureFlag = 4;

export function writePing(out: ByteWriter, { sentMs, diskEpoch, disk, silent }: Ping, version: number): void {
  out.double(sentMs);
  out.integer(diskEpoch);
  const { isFull, isSlow, syncMs } = disk;
  if (version < diskVersion) {
    out.u8(isFull ? fullFlag : 0);
    return;
  }
  out.u8((isFull ? fullFlag : 0) | (isSlow ? slowFlag : 0) | (syncMs === undefined ? 0 : figureFlag));
  out.double(syncMs ?? 0);
  if (version >= silentVersion) for (const nodeId of silent ?? []) out.u16(nodeId);
}

/** Undefined: it makes no sense. */
export function readPing(input: ByteReader, version: number): Ping | undefined {
  const sentMs = input.double();
  const diskEpoch = input.integer();
  const flags = input.u8();
  const syncMs = version < diskVersion ? 0 : input.double();
  const silent = version < silentVersion ? undefined : readSilent(input);
  const flagsEnd = version < diskVersion ? 2 * fullFlag : 2 * figureFlag;
  if (!input.isWhole() || flags >= flagsEnd || !(syncMs >= 0)) return undefined;
  const disk = {
    isFull: (flags & fullFlag) !== 0,
    isSlow: (flags & slowFlag) !== 0,
    syncMs: (flags & figureFlag) === 0 ? undefined : syncMs,
  };
  return { sentMs, diskEpoch, disk, silent };
}

function readSilent(input: ByteReader): readonly number[] {
  const silent: number[] = [];
  while (input.remainingBytes > 0 && silent.length < nodesMax) silent.push(input.u16());
  return silent;
}
