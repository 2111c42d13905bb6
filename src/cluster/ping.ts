/**
 * What nodes tell each other twice a second on their control connection; the answer gives the time.
 *
 * ```
 * ping   f64 nowMs | u53 disk epoch | u8 flags: 1 full, 2 slow, 4 has a figure | f64 milliseconds of a write and its sync
 *        | u16 number of a node that the sender does not hear, each
 * ```
 */
import { nodesMax } from "../directory/index.ts";
import type { ByteReader, ByteWriter } from "../net/index.ts";
import type { DiskWord } from "./node-disks.ts";

export interface Ping {
  /** On the sender's monotonic clock; comes back with the answer. */
  readonly sentMs: number;
  readonly diskEpoch: number;
  readonly disk: DiskWord;
  /** Numbers of the nodes that the sender does not hear. */
  readonly silent: readonly number[];
}

/** Of a ping that names so many silent nodes. */
export function pingBytes(silentCount: number): number {
  return 26 + 2 * silentCount;
}

const fullFlag = 1;
const slowFlag = 2;
const figureFlag = 4;

export function writePing(out: ByteWriter, { sentMs, diskEpoch, disk, silent }: Ping): void {
  out.double(sentMs);
  out.integer(diskEpoch);
  const { isFull, isSlow, syncMs } = disk;
  out.u8((isFull ? fullFlag : 0) | (isSlow ? slowFlag : 0) | (syncMs === undefined ? 0 : figureFlag));
  out.double(syncMs ?? 0);
  for (const nodeId of silent) out.u16(nodeId);
}

/** Undefined: it makes no sense. */
export function readPing(input: ByteReader): Ping | undefined {
  const sentMs = input.double();
  const diskEpoch = input.integer();
  const flags = input.u8();
  const syncMs = input.double();
  const silent: number[] = [];
  while (input.remainingBytes > 0 && silent.length < nodesMax) silent.push(input.u16());
  if (!input.isWhole() || flags >= 2 * figureFlag || !(syncMs >= 0)) return undefined;
  const disk = {
    isFull: (flags & fullFlag) !== 0,
    isSlow: (flags & slowFlag) !== 0,
    syncMs: (flags & figureFlag) === 0 ? undefined : syncMs,
  };
  return { sentMs, diskEpoch, disk, silent };
}
