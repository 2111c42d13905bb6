/** Faults put into a history that is sound, to show that the checkers are not blind (CONSENSUS T-4). */
import type { KeyValueInput, KeyValueOutput, Operation, RepliedOperation } from "../../src/simulation/index.ts";

type History = readonly Operation<KeyValueInput, KeyValueOutput>[];
type Replied = RepliedOperation<KeyValueInput, KeyValueOutput>;

function reads(history: History, isCounter: boolean): readonly Replied[] {
  return history.flatMap((operation) =>
    operation.kind === "replied" &&
    operation.input.kind === "get" &&
    typeof operation.output === "string" &&
    operation.input.key.startsWith("counter:") === isCounter
      ? [operation]
      : [],
  );
}

function replaced(history: History, one: Replied, output: KeyValueOutput): History {
  return history.map((operation) => (operation === one ? { ...one, output } : operation));
}

/** The last read of a counter says what an earlier one said that was answered long before. */
export function withStaleRead(history: History): History {
  const all = reads(history, true);
  const last = all.at(-1);
  const early = all.find(
    (read) => read.input.key === last?.input.key && read.output !== last.output && read.repliedAt < last.invokedAt,
  );
  if (last === undefined || early === undefined) throw new Error("no counter was read twice");
  return replaced(history, last, early.output);
}

/** A value that was read was never written. */
export function withLostWrite(history: History): History {
  for (const { output } of reads(history, false).toReversed()) {
    const isWrite = ({ input }: Operation<KeyValueInput, KeyValueOutput>): boolean =>
      (input.kind === "set" || input.kind === "swap") && input.value === output;
    if (history.some(isWrite)) return history.filter((operation) => !isWrite(operation));
  }
  throw new Error("nothing that was written was read");
}
