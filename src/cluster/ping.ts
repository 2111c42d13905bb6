/**
 * What nodes tell each other twice a second on their control connection; the answer gives the time.
 *
 * ```
 * ping   f64 nowMs | u53 disk epoch | u8 flags: 1 full, 2 slow, 4 has a figure | f64 milliseconds of a write and its sync
 * ```
 */
import type { ByteReader, ByteWriter } from "../net/index.ts";
import type { DiskWord } from "./node-disks.ts";

export interface Ping {
  /** On the sender's monotonic clock; comes back with the answer. */
  readonly sentMs: number;
  readonly diskEpoch: number;
  readonly disk: DiskWord;
}

export const pingBytes = 26;

const fullFlag = 1;
const slowFlag = 2;
const figureFlag = 4;

export function writePing(out: ByteWriter, { sentMs, diskEpoch, disk }: Ping): void {
  out.double(sentMs);
  out.integer(diskEpoch);
  const { isFull, isSlow, syncMs } = disk;
  out.u8((isFull ? fullFlag : 0) | (isSlow ? slowFlag : 0) | (syncMs === undefined ? 0 : figureFlag));
  out.double(syncMs ?? 0);
}

/** Undefined: it makes no sense. */
export function readPing(input: ByteReader): Ping | undefined {
  const sentMs = input.double();
  const diskEpoch = input.integer();
  const flags = input.u8();
  const syncMs = input.double();
  if (!input.isWhole() || flags >= 2 * figureFlag || !(syncMs >= 0)) return undefined;
  const disk = {
    isFull: (flags & fullFlag) !== 0,
    isSlow: (flags & slowFlag) !== 0,
    syncMs: (flags & figureFlag) === 0 ? undefined : syncMs,
  };
  return { sentMs, diskEpoch, disk };
}
