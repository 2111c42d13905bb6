/**
 * What clients did before a majority was lost for good, and what of it must be there afterwards. All that the log knows which
 * the group goes on with is kept, and all that any replica that is left knew to be committed. What only the lost ones had
 * may be gone, from some entry on: for one key, what is found is a value that it had at some time, after all that was
 * answered as long as nothing was committed that nobody of those that are left had.
 */
import { HistoryRecorder, type OpenOperation, type Operation } from "./history.ts";
import type { KeyValueInput, KeyValueOutput } from "./key-value-specification.ts";

type KeyValueOperation = Operation<KeyValueInput, KeyValueOutput>;

/** What is found of a key, and since when it may have been so. */
export interface FoundValue {
  readonly key: string;
  readonly value: KeyValueOutput;
  /** In the recorder's time: all that was answered before is in it. One more than now: everything. */
  readonly sinceAt: number;
}

interface RefusedOperation {
  readonly operation: OpenOperation<KeyValueInput>;
  readonly refusedAt: number;
}

/** A recorder that knows its time, and keeps what was refused: whether that happened, lost nodes alone may have decided. */
export class KeptHistory extends HistoryRecorder<KeyValueInput, KeyValueOutput> {
  /** Above the time of all that has happened. */
  get now(): number {
    return this.#now;
  }

  override invoke(client: number, input: KeyValueInput): number {
    const invokedAt = super.invoke(client, input);
    this.#now = invokedAt + 1;
    this.#open.set(invokedAt, { kind: "open", client, input, invokedAt });
    return invokedAt;
  }

  override reply(operation: number, output: KeyValueOutput): void {
    super.reply(operation, output);
    this.#now++;
    this.#open.delete(operation);
  }

  override refuse(operation: number): void {
    super.refuse(operation);
    const open = this.#open.get(operation);
    this.#open.delete(operation);
    // A read that was refused is nothing that may have happened.
    if (open !== undefined && open.input.kind !== "get") this.#refused.push({ operation: open, refusedAt: this.#now });
  }

  /** All of it, each value found as a read that may have been answered with what was there at any time since then. */
  operationsWith(found: readonly FoundValue[]): readonly KeyValueOperation[] {
    const sinceAt = new Map(found.map((each) => [each.key, each.sinceAt]));
    const doubtful = this.#refused.filter(({ operation, refusedAt }) => {
      return refusedAt >= (sinceAt.get(operation.input.key) ?? Number.POSITIVE_INFINITY);
    });
    const reads = found.map(({ key, sinceAt: invokedAt, value: output }, index): KeyValueOperation => {
      const input: KeyValueInput = { kind: "get", key };
      return { kind: "replied", client: -1 - index, input, output, invokedAt, repliedAt: this.#now + 2 };
    });
    return [...this.operations(), ...doubtful.map(({ operation }) => operation), ...reads];
  }

  readonly #open: Map<number, OpenOperation<KeyValueInput>> = new Map();
  readonly #refused: RefusedOperation[] = [];
  #now = 0;
}

/** The first value read of each key. */
export function firstReads(operations: readonly KeyValueOperation[]): ReadonlyMap<string, KeyValueOutput> {
  const values = new Map<string, KeyValueOutput>();
  for (const operation of operations) {
    const { input, kind } = operation;
    if (kind === "replied" && input.kind === "get" && !values.has(input.key)) values.set(input.key, operation.output);
  }
  return values;
}

/** What was done with the values with which it begins, as one history from nothing. */
export function continued(
  values: ReadonlyMap<string, KeyValueOutput>,
  operations: readonly KeyValueOperation[],
): readonly KeyValueOperation[] {
  const before = [...values].flatMap(([key, value]): KeyValueOperation[] => {
    if (typeof value !== "string") return [];
    const input: KeyValueInput = { kind: "set", key, value };
    return [{ kind: "replied", client: -1, input, output: "OK", invokedAt: -2, repliedAt: -1 }];
  });
  return [...before, ...operations];
}
