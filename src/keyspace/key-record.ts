import type { Deadline } from "./deadline-index.ts";
import type { Value } from "./value.ts";

/** A key with all that belongs to it. */
export interface KeyRecord {
  readonly key: string;
  readonly value: Value;
  readonly deadline: Deadline | undefined;
  readonly revision: number;
}
