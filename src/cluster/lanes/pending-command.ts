import type { CommandSpec, Keyspace } from "../../keyspace/index.ts";
import type { RespVersion } from "../../resp/index.ts";

/** A command of a client that waits at the client's node, in memory of its own. */
export interface PendingCommand {
  readonly ticket: number;
  readonly spec: CommandSpec<Keyspace>;
  /** Packed (`words.ts`). */
  readonly words: Buffer;
  readonly protocol: RespVersion;
  /** Monotonic time since which it waits. */
  readonly sinceMs: number;
  /** How often it was sent and may have been carried out: above 0 no answer of ours may say that it did not happen. */
  readonly doubts?: number;
}
