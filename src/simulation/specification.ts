/**
 * How a thing behaves when it is used by one client at a time: what linearizability is checked against. The effect
 * of an operation must follow from the state and the input.
 */
export interface Specification<State, Input, Output> {
  readonly initial: State;
  /**
   * The state after `input` in `state`, or {@link impossible} if it could not have answered `output`. Without an
   * `output` the reply is not known, and any will do.
   */
  next(state: State, input: Input, output: Output | undefined): State | typeof impossible;
  /** Equal states, and only they, have equal texts. */
  encode(state: State): string;
  /** Operations of different parts do not touch each other, and are checked part by part. Absent: there is one part. */
  partOf?(input: Input): string;
  /**
   * Whether `input`, if it answered `output`, has changed nothing, whatever the state was; without an output: whatever
   * it answered. That it changes nothing in some state does not suffice: a write of the value that is there already may
   * as well have come after another one. Absent: nobody knows. Knowing makes the search, and counter-examples, shorter.
   */
  isReadOnly?(input: Input, output?: Output): boolean;
  /**
   * For the reader of a counter-example, e.g. "SET 1 → OK". Without an output: "SET 1 → ?"; of two inputs with the same
   * such text either may stand for the other.
   */
  describe(input: Input, output: Output | undefined): string;
}

/** The operation could not have answered what it did. */
export const impossible: unique symbol = Symbol("impossible");
