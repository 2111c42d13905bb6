import type { OpenOperation, Operation, RepliedOperation } from "./history.ts";
import { type SearchOptions, searchLinearization } from "./linearization-search.ts";
import type { Specification } from "./specification.ts";
import { drawTimeline } from "./timeline.ts";

/**
 * How many configurations are looked at, at most: for one question, and in all. Where that does not suffice for an
 * answer the operation in question stays, and the example is larger than it might be.
 */
const questionConfigurationsMax = 5_000;
const configurationsMax = 100_000;

export interface CounterExample<Input, Output> {
  readonly operations: readonly RepliedOperation<Input, Output>[];
  readonly explanation: string;
}

/**
 * Reduces operations that have no linearization to few that have none either. One is left out by declaring its
 * outcome unknown, so that it may happen at any time or never: that only makes more orders possible, and so what is
 * impossible afterwards was impossible before. What is still needed at the end contradicts itself whatever the others
 * did.
 */
export function counterExample<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
  options: SearchOptions & { readonly deepest: number; readonly part: string },
): CounterExample<Input, Output> {
  let configurationCount = 0;
  const isImpossible = (candidate: readonly Operation<Input, Output>[]): boolean => {
    if (configurationCount > configurationsMax) return false;
    const searchOptions = { ...options, configurationsMax: questionConfigurationsMax };
    const outcome = searchLinearization(candidate, specification, searchOptions);
    configurationCount += outcome.visitedCount;
    return outcome.kind === "none";
  };
  const prefix = shortestPrefix(operations, options.deepest, isImpossible);
  const needed = reduce(prefix, (input) => specification.isReadOnly?.(input) === true, isImpossible);
  const lines = needed.map((operation) => ({
    name: `${options.keepsClientOrder ? "connection" : "client"} ${operation.client}`,
    label: specification.describe(operation.input, operation.output),
    from: operation.invokedAt,
    to: operation.repliedAt,
  }));
  const where = options.part === "" ? "" : `${options.part}: `;
  const order = options.keepsClientOrder ? " that keeps each connection's own" : "";
  const others = operations.length - needed.length;
  const rest = others === 0 ? "" : ` (the other ${others} do not matter)`;
  const head = `${where}no order${order} explains the replies of these operations${rest}:`;
  return { operations: needed, explanation: `${head}\n${drawTimeline(lines)}` };
}

/** What had been asked for when some reply came, with the replies up to that one. */
function shortestPrefix<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  deepest: number,
  isImpossible: (candidate: readonly Operation<Input, Output>[]) => boolean,
): readonly Operation<Input, Output>[] {
  const replyTimes = operations.flatMap((operation) => (operation.kind === "replied" ? [operation.repliedAt] : []));
  replyTimes.sort((a, b) => a - b);
  for (let step = 1, index = deepest; index < replyTimes.length - 1; index += step, step *= 2) {
    const untilAt = replyTimes[index] as number;
    const prefix = operations.flatMap((operation) => {
      if (operation.invokedAt > untilAt) return [];
      return operation.kind === "replied" && operation.repliedAt > untilAt ? [opened(operation)] : [operation];
    });
    if (isImpossible(prefix)) return prefix;
  }
  return operations;
}

/**
 * Reads first, which need not even stay as open ones; then the rest, in ever smaller groups. In the order of their
 * invocations.
 */
function reduce<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  isReadOnly: (input: Input) => boolean,
  isImpossible: (candidate: readonly Operation<Input, Output>[]) => boolean,
): readonly RepliedOperation<Input, Output>[] {
  let current = operations.toSorted((a, b) => a.invokedAt - b.invokedAt);
  const attempt = (isTaken: (operation: Operation<Input, Output>) => boolean): void => {
    const groups = current.filter((operation) => operation.kind === "replied" && isTaken(operation));
    for (let size = largestPowerOfTwo(groups.length); size >= 1; size >>= 1) {
      for (let from = 0; from < groups.length; from += size) {
        const group = new Set(groups.slice(from, from + size));
        const candidate = current.flatMap((operation) => {
          if (!group.has(operation)) return [operation];
          return isReadOnly(operation.input) ? [] : [opened(operation)];
        });
        if (isImpossible(candidate)) current = candidate;
      }
    }
  };
  attempt((operation) => isReadOnly(operation.input));
  attempt((operation) => !isReadOnly(operation.input));
  return current.filter((operation) => operation.kind === "replied");
}

function largestPowerOfTwo(upTo: number): number {
  return upTo < 1 ? 0 : 2 ** Math.floor(Math.log2(upTo));
}

function opened<Input, Output>(operation: Operation<Input, Output>): OpenOperation<Input> {
  const { client, input, invokedAt } = operation;
  return { kind: "open", client, input, invokedAt };
}
