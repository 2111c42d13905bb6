import { counterExample } from "./counter-example.ts";
import type { Operation } from "./history.ts";
import { type SearchOptions, type SearchOutcome, searchLinearization } from "./linearization-search.ts";
import type { Specification } from "./specification.ts";

export interface CheckOptions {
  /**
   * How many configurations are looked at in one part before its verdict is "undecided": so many by the search for
   * every order, and so many by a quicker one that may miss some. Default 5 million.
   */
  readonly configurationsMax?: number;
}

export type Verdict<Input, Output> =
  | { readonly kind: "passed"; readonly operationCount: number; readonly partCount: number }
  | {
      readonly kind: "failed";
      readonly part: string;
      /** These alone rule each other out; each of them is needed for that. In the order of their invocations. */
      readonly operations: readonly Operation<Input, Output>[];
      /** For people: a timeline of `operations`, one line each. */
      readonly explanation: string;
    }
  /** Too many orders are possible; neither verdict was reached. */
  | { readonly kind: "undecided"; readonly part: string };

const configurationsMaxDefault = 5_000_000;

/** Nearly every part is decided within these. */
const firstConfigurationsMax = 30_000;
/** To tell which states are alike takes time that grows with the square of a part's length. */
const quickOperationsMax = 4_000;

/**
 * Is there one order of all operations, each at some moment between its invocation and its reply, that explains every
 * reply (Herlihy and Wing, 1990)? Operations without a reply may take effect at any later time, or never.
 *
 * ```ts
 * const verdict = checkLinearizability(recorder.operations(), keyValueSpecification);
 * if (verdict.kind === "failed") throw new Error(verdict.explanation);
 * ```
 */
export function checkLinearizability<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
  options: CheckOptions = {},
): Verdict<Input, Output> {
  return check(history, specification, { ...options, keepsClientOrder: false });
}

/**
 * As {@link checkLinearizability}, and the order must keep that in which each connection (`client`) asked, also where
 * its operations overlap, as pipelined ones do: each sees the effects of those before it on its connection, and none
 * of those after it. Only an operation without a reply may still take effect behind those that follow it.
 *
 * Parts are checked each by itself: nothing is said of the order between them.
 */
export function checkConnectionOrder<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
  options: CheckOptions = {},
): Verdict<Input, Output> {
  return check(history, specification, { ...options, keepsClientOrder: true });
}

function check<State, Input, Output>(
  history: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
  options: CheckOptions & { readonly keepsClientOrder: boolean },
): Verdict<Input, Output> {
  const searchOptions = { configurationsMax: configurationsMaxDefault, ...options };
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const part = specification.partOf?.(operation.input) ?? "";
    const operations = parts.get(part);
    if (operations === undefined) parts.set(part, [operation]);
    else operations.push(operation);
  }
  let undecided: string | undefined;
  for (const [part, operations] of parts) {
    const outcome = decide(operations, specification, searchOptions);
    if (outcome.kind === "undecided") undecided ??= part;
    if (outcome.kind !== "none") continue;
    const example = counterExample(operations, specification, { ...searchOptions, deepest: outcome.deepest, part });
    return { kind: "failed", part, ...example };
  }
  if (undecided !== undefined) return { kind: "undecided", part: undecided };
  return { kind: "passed", operationCount: history.length, partCount: parts.size };
}

/**
 * The exact search; where that takes long, first a quicker one that takes states for one which are alike, as those
 * after two open writes of values that nobody ever saw. It leaves most open operations out, and any of them may never
 * have happened. Those that it takes in, and all that were answered, are in an order that respects real time, in which
 * every reply was checked against the state itself, not its kind: an order of the whole history. Where it finds none it
 * may have left out what was needed. Nothing follows then, and only the exact search may say that there is none.
 */
function decide<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
  options: SearchOptions,
): SearchOutcome {
  const { configurationsMax } = options;
  const search = (more: Partial<SearchOptions>): SearchOutcome =>
    searchLinearization(operations, specification, { ...options, ...more });
  const isLong = operations.length > quickOperationsMax;
  if (isLong || operations.every(({ kind }) => kind === "replied")) return search({});
  const first = search({ configurationsMax: Math.min(configurationsMax, firstConfigurationsMax) });
  if (first.kind !== "undecided") return first;
  const quick = search({ areLikeStatesOne: true });
  if (quick.kind === "found") return quick;
  return configurationsMax <= firstConfigurationsMax ? first : search({});
}
