/**
 * An operation that a client asked for. Times are in any unit; where two are equal the operations count as
 * overlapping, so a counter that is raised at every event is best.
 */
export type Operation<Input, Output> = RepliedOperation<Input, Output> | OpenOperation<Input>;

export interface RepliedOperation<Input, Output> {
  readonly kind: "replied";
  /** Who asked. For {@link checkConnectionOrder}: the connection, on which operations are ordered by `invokedAt`. */
  readonly client: number;
  readonly input: Input;
  readonly output: Output;
  readonly invokedAt: number;
  readonly repliedAt: number;
}

/** Its outcome is not known: it takes effect at some time after `invokedAt`, be it long after the end, or never. */
export interface OpenOperation<Input> {
  readonly kind: "open";
  readonly client: number;
  readonly input: Input;
  readonly invokedAt: number;
}

/** Writes down what clients do. Operations that surely did not happen leave no trace. */
export class HistoryRecorder<Input, Output> {
  readonly #operations = new Map<number, Operation<Input, Output>>();
  #eventCount = 0;

  /** A client asks; the number names the operation from now on. */
  invoke(client: number, input: Input): number {
    const invokedAt = this.#eventCount++;
    this.#operations.set(invokedAt, { kind: "open", client, input, invokedAt });
    return invokedAt;
  }

  /** The reply has come. An operation without one stays open. */
  reply(operation: number, output: Output): void {
    const { client, input, invokedAt } = this.#open(operation);
    const repliedAt = this.#eventCount++;
    this.#operations.set(operation, { kind: "replied", client, input, output, invokedAt, repliedAt });
  }

  /** The reply says that nothing happened. */
  refuse(operation: number): void {
    this.#open(operation);
    this.#operations.delete(operation);
  }

  /** How many operations there are. */
  get operationCount(): number {
    return this.#operations.size;
  }

  /** All operations so far, in the order in which they were invoked. */
  operations(): readonly Operation<Input, Output>[] {
    return [...this.#operations.values()];
  }

  #open(operation: number): OpenOperation<Input> {
    const found = this.#operations.get(operation);
    if (found?.kind !== "open") throw new RangeError(`operation ${operation} is not open`);
    return found;
  }
}
