/** What a log is told about sizes and times, and what it takes where it is told nothing. */
import type { Clock, Disk, Logger } from "../platform/index.ts";
import type { LogIdentity } from "./format.ts";
import type { WriterSettings } from "./log-writer.ts";
import { type ScrubSettings, scrubDefaults } from "./scrubber.ts";

export interface LogSettings extends WriterSettings, ScrubSettings {
  /**
   * A larger log, unless its snapshots are more than half as large, asks for snapshots of the groups that hold its oldest
   * part. Default 256 MiB.
   */
  readonly reclaimBytes: number;
}

export interface LogOptions extends Partial<LogSettings> {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Created where missing; the folder that it stands in exists, durably. Only this log's files stand in it. */
  readonly directory: string;
  readonly identity: LogIdentity;
  /** The starts of this node, this one included, as its other files count them. Undefined: not checked. */
  readonly bootCounter?: number;
  /** The highest disk epoch of this node that its other files remember. Undefined: not checked. */
  readonly diskEpochSeen?: number;
  /** Whether an entry's data only free space: see {@link Reserve}. Default: none do. */
  readonly frees?: (data: Uint8Array) => boolean;
  /** Bytes of the newest entries that each group keeps in memory, and as many again of those read back. Default 8 MiB. */
  readonly cacheBytesPerGroupMax?: number;
  /** How much of the log is read at once for entries that are no longer in memory. Default 1 MiB. */
  readonly fetchBytes?: number;
}

const settingsDefault: LogSettings = {
  segmentBytes: 64 * 1_048_576,
  batchBytesMax: 1_048_576,
  idleMarkMs: 50,
  fullRetryMs: 1_000,
  freeBytesMin: 16 * 1_048_576,
  reclaimBytes: 256 * 1_048_576,
  ...scrubDefaults,
};

/** `given`, with the defaults for what is left out. */
export function settingsOf(options: Partial<LogSettings>): LogSettings {
  return {
    segmentBytes: options.segmentBytes ?? settingsDefault.segmentBytes,
    batchBytesMax: options.batchBytesMax ?? settingsDefault.batchBytesMax,
    idleMarkMs: options.idleMarkMs ?? settingsDefault.idleMarkMs,
    fullRetryMs: options.fullRetryMs ?? settingsDefault.fullRetryMs,
    freeBytesMin: options.freeBytesMin ?? settingsDefault.freeBytesMin,
    reclaimBytes: options.reclaimBytes ?? settingsDefault.reclaimBytes,
    scrubIntervalMs: options.scrubIntervalMs ?? settingsDefault.scrubIntervalMs,
    scrubBytesPerSecond: options.scrubBytesPerSecond ?? settingsDefault.scrubBytesPerSecond,
  };
}
