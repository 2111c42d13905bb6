/**
 * The semantics levels: every change of what a command does to the state or answers, bug fixes included, is coded under
 * a level of its own, which an entry raises once all replicas' binaries know it. Replicas of mixed versions, and a
 * replica that reads its log again after an upgrade, then agree (DESIGN: what `apply` may depend on).
 *
 * A new outcome is a new line here and `keyspace.semanticsLevel >= N` where it differs.
 */
import { CoterieError } from "../platform/index.ts";

export interface SemanticsLevel {
  readonly level: number;
  /** What is different from this level on. */
  readonly change: string;
}

/** Every level that this binary knows, the lowest first, without a gap. */
export const semanticsLevels: readonly SemanticsLevel[] = [{ level: 1, change: "The first." }];

/** The highest level that this binary knows: what a cluster may be raised to if all of its nodes say at least this. */
export const semanticsLevelMax: number = semanticsLevels.length;

/**
 * A binary that knows the levels up to `knownMax` may go on at `level`, or else must stop.
 *
 * @throws SemanticsLevelError (SEMANTICS_LEVEL_UNKNOWN)
 */
export function checkSemanticsLevel(level: number, knownMax: number): void {
  if (level > knownMax) throw new SemanticsLevelError(level, knownMax);
}

/** The state is, or is to be raised, to a level that this binary does not know. The replica must stop until it is upgraded. */
export class SemanticsLevelError extends CoterieError {
  readonly code = "SEMANTICS_LEVEL_UNKNOWN";
  readonly level: number;

  constructor(level: number, knownMax: number) {
    super(`the data is at semantics level ${level}, this version knows levels up to ${knownMax}; upgrade this node`);
    this.level = level;
  }
}
