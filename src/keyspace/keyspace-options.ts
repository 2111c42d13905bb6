import type { KeyspaceStatistics } from "./keyspace-statistics.ts";

export interface KeyspaceOptions {
  /** The highest semantics level that this binary knows; another one than the default only in tests. */
  readonly semanticsLevelMax?: number;
  /** Where to count; a keyspace that takes another one's place goes on with that one's. */
  readonly statistics?: KeyspaceStatistics;
}
