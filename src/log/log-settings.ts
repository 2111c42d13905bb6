/** What a log is told about sizes and times, and what it takes where it is told nothing. */
import type { WriterSettings } from "./log-writer.ts";
import { type ScrubSettings, scrubDefaults } from "./scrubber.ts";

export interface LogSettings extends WriterSettings, ScrubSettings {
  /**
   * A larger log, unless its snapshots are more than half as large, asks for snapshots of the groups that hold its oldest
   * part. Default 256 MiB.
   */
  readonly reclaimBytes: number;
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
