/** What becomes of batches that are not applied as the entries that they were to be. */
import { type CommandSpec, EntryReader, entryCommandTable, type Keyspace } from "../../keyspace/index.ts";
import { assert, mark } from "../../platform/index.ts";
import { Arguments, type ErrorReply } from "../../resp/index.ts";
import { leaderChanged, uncertain } from "../errors.ts";
import type { Batch } from "./batch.ts";
import { packWords } from "./words.ts";

/** Something else stands in the log where the batch was proposed. Its reads fail with it: what came behind them may be done. */
export function failOverwritten(batch: Batch): void {
  mark("a batch of a deposed leader comes to nothing");
  answerAll(batch, { writes: leaderChanged, reads: leaderChanged });
}

/** Nothing more will be heard of a batch that was proposed: its writes may happen, its reads were never executed. */
export function failUncertain(batch: Batch, reason: string, reads: ErrorReply = leaderChanged): void {
  answerAll(batch, { writes: uncertain(reason), reads });
}

/** It was never proposed, and whoever waits is told so. */
export function failUnproposed(batch: Batch, reply: ErrorReply, reads: ErrorReply = reply): void {
  answerAll(batch, { writes: reply, reads });
}

/** It was never proposed: each lane gets its commands back, in order. */
export function giveBack(batch: Batch): void {
  batch.done();
  const reader = new EntryReader();
  const args = new Arguments();
  reader.open(batch.finish({ timeMs: 0, seedLow: 0, seedHigh: 0 }));
  let read = 0;
  for (let command = 0; command < batch.commandCount; command++) {
    read = giveBackReads(batch, read, command);
    reader.next(args);
    const spec = entryCommandTable.resolve(args);
    assert(spec !== undefined, "an entry holds a command that is none");
    batch.lanes[command]?.giveBack(batch.tickets[command] as number, spec, packWords(args), batch.openedMs);
  }
  giveBackReads(batch, read, batch.commandCount);
}

function giveBackReads(batch: Batch, from: number, position: number): number {
  const args = new Arguments();
  let read = from;
  for (; batch.readPositions[read] === position; read++) {
    batch.reads.open(read, args);
    const spec = batch.reads.specs[read] as CommandSpec<Keyspace>;
    batch.reads.lanes[read]?.giveBack(batch.reads.tickets[read] as number, spec, packWords(args), batch.openedMs);
  }
  return read;
}

/** What was not answered yet, in the order of the commands, so that no lane's answers change places. */
function answerAll(batch: Batch, replies: { readonly writes: ErrorReply; readonly reads: ErrorReply }): void {
  assert(!batch.isDone, "a batch is answered a second time");
  batch.done();
  const { lanes, tickets, reads, readPositions } = batch;
  let read = batch.answeredReadCount;
  for (let command = batch.answeredCount; command <= lanes.length; command++) {
    for (; readPositions[read] === command; read++)
      reads.lanes[read]?.answer(reads.tickets[read] as number, replies.reads);
    lanes[command]?.answer(tickets[command] as number, replies.writes);
  }
}
