import type { CommandSpec, Keyspace } from "../../keyspace/index.ts";
import type { LogIndex } from "../../raft/index.ts";
import type { Reply } from "../../resp/index.ts";
import type { Batch } from "./batch.ts";
import type { ReadBatch } from "./read-batch.ts";

/**
 * The commands of one client connection to one group, in their order. A replica that leads keeps here what it needs to
 * know of the connection so that each command sees exactly the writes before it (CONSENSUS R-9).
 */
export abstract class Lane {
  /** The newest batch with something of this lane in it, until it is applied. */
  lastBatch: Batch | undefined;
  /** How many of its reads wait for the leader's confirmation, and where the first of them is. */
  queuedReadCount = 0;
  firstReadBatch: ReadBatch | undefined;
  firstReadAt = 0;
  /** They came behind a write that was proposed already, and wait for its index too. */
  isReadingBehind = false;
  /** Where its last write that was applied stands. */
  lastWriteIndex: LogIndex = 0;
  /** A large command of this lane is on its way into the log: what follows must wait until it is proposed. */
  isBehindLarge = false;

  /** The one answer to this ticket. */
  abstract answer(ticket: number, reply: Reply): void;

  /**
   * The command surely did not happen, and nothing behind it has: it may be sent again, in this order. `words` are
   * packed; `sinceMs` says since when it waits at least.
   */
  abstract giveBack(ticket: number, spec: CommandSpec<Keyspace>, words: Buffer, sinceMs: number): void;

  /** The large command has its place in the log. */
  abstract largeProposed(): void;
}
