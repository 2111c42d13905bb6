import type { Operation } from "./history.ts";
import { impossible, type Specification } from "./specification.ts";

/**
 * The search for a linearization: an order of the operations that respects real time (what was answered before
 * another was asked for comes first) and in which every reply is right. After Wing and Gong, "Testing and Verifying
 * Concurrent Objects" (1993), with the memory of visited configurations of Lowe, "Testing for Linearizability" (2017),
 * and his just-in-time rule. Exact: it answers no only if there is no such order.
 *
 * A configuration says which operations are in the order so far, and the state after them. Operations that were
 * answered are numbered by the time of their reply. `front` is the first that is not in the order: all before it are,
 * and `ahead` lists those behind it that are too. Whatever is added next must have been asked for before the front's
 * reply. Open operations, whose outcome is not known, need not be added at all; `open` is the set of those that were.
 *
 * Three rules keep it fast, none of which loses an order:
 * - an operation that fits and changes nothing is added at once, and nothing else is tried;
 * - open operations are added only right before an answered one, fewest first;
 * - a configuration is not visited again with the same open operations, or more of them.
 */
export type SearchOutcome =
  | { readonly kind: "found"; readonly visitedCount: number }
  /** `deepest` of the answered operations, by the time of their reply, could be put in order together. */
  | { readonly kind: "none"; readonly deepest: number; readonly visitedCount: number }
  | { readonly kind: "undecided"; readonly visitedCount: number };

export interface SearchOptions {
  /** Operations of one client keep the order in which they were asked for, also where they overlap. */
  readonly keepsClientOrder: boolean;
  /** How many configurations are looked at before giving up. */
  readonly configurationsMax: number;
}

export function searchLinearization<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
  options: SearchOptions,
): SearchOutcome {
  return new Search(operations, specification, options).run();
}

interface Answered<Input, Output> {
  readonly input: Input;
  readonly output: Output;
  readonly invokedAt: number;
  readonly repliedAt: number;
  /** Of the same client, where its order counts: the last answered one before, and the open ones before. */
  readonly predecessor: number | undefined;
  readonly openBefore: bigint;
}

interface Open<Input> {
  readonly input: Input;
  readonly invokedAt: number;
  readonly bit: bigint;
  /** An open operation that does the same and may be taken instead: of such only the first is tried. */
  readonly twinBit: bigint;
  readonly predecessor: number | undefined;
  /** Of the same client: once one of these is in the order, this one can no longer be. */
  readonly successor: number | undefined;
  readonly openAfter: bigint;
}

interface Configuration<State> {
  readonly front: number;
  /** Ascending. */
  readonly ahead: readonly number[];
  readonly open: bigint;
  readonly state: State;
  readonly stateText: string;
}

interface Frame<State> {
  /** This configuration, then those that open operations lead to from it, fewest first; filled as needed. */
  readonly variants: Configuration<State>[];
  /** The open operations of the variants, by state. */
  readonly variantStates: Map<string, bigint[]>;
  variantsGrown: number;
  variantPosition: number;
  children: readonly Configuration<State>[];
  childPosition: number;
  /** An operation that changes nothing fits: no other choice need be tried. */
  isSettled: boolean;
}

class Search<State, Input, Output> {
  readonly #specification: Specification<State, Input, Output>;
  readonly #configurationsMax: number;
  readonly #answered: Answered<Input, Output>[];
  readonly #open: Open<Input>[];
  /** By front: the answered operations from it on that were asked for before its reply. */
  readonly #overlapping: readonly (readonly number[])[];
  readonly #visited = new Map<string, bigint[]>();
  #visitedCount = 0;
  #deepest = 0;

  constructor(
    operations: readonly Operation<Input, Output>[],
    specification: Specification<State, Input, Output>,
    options: SearchOptions,
  ) {
    this.#specification = specification;
    this.#configurationsMax = options.configurationsMax;
    const prepared = prepare(operations, specification, options.keepsClientOrder);
    this.#answered = prepared.answered;
    this.#open = prepared.open;
    this.#overlapping = overlapping(prepared.answered);
  }

  run(): SearchOutcome {
    const { initial } = this.#specification;
    const stateText = this.#specification.encode(initial);
    const stack = [this.#frame({ front: 0, ahead: [], open: 0n, state: initial, stateText })];
    if (this.#answered.length === 0) return { kind: "found", visitedCount: this.#visitedCount };
    while (stack.length > 0 && this.#visitedCount <= this.#configurationsMax) {
      const next = this.#nextChild(stack.at(-1) as Frame<State>);
      if (next === undefined) {
        stack.pop();
      } else if (next.front === this.#answered.length) {
        return { kind: "found", visitedCount: this.#visitedCount };
      } else if (this.#visit(next)) {
        this.#deepest = Math.max(this.#deepest, next.front);
        stack.push(this.#frame(next));
      }
    }
    if (this.#visitedCount > this.#configurationsMax) return { kind: "undecided", visitedCount: this.#visitedCount };
    return { kind: "none", deepest: this.#deepest, visitedCount: this.#visitedCount };
  }

  #frame(configuration: Configuration<State>): Frame<State> {
    return {
      variants: [configuration],
      variantStates: new Map([[configuration.stateText, [configuration.open]]]),
      variantsGrown: 0,
      variantPosition: -1,
      children: [],
      childPosition: 0,
      isSettled: false,
    };
  }

  #nextChild(frame: Frame<State>): Configuration<State> | undefined {
    for (;;) {
      const child = frame.children[frame.childPosition++];
      if (child !== undefined) return child;
      if (frame.isSettled) return undefined;
      frame.variantPosition++;
      while (frame.variantPosition >= frame.variants.length) if (!this.#grow(frame)) return undefined;
      const { children, isSettled } = this.#children(frame.variants[frame.variantPosition] as Configuration<State>);
      frame.children = children;
      frame.childPosition = 0;
      frame.isSettled = isSettled && frame.variantPosition === 0;
    }
  }

  /** What one more answered operation leads to. */
  #children(from: Configuration<State>): { children: readonly Configuration<State>[]; isSettled: boolean } {
    const children: Configuration<State>[] = [];
    for (const index of this.#overlapping[from.front] as readonly number[]) {
      if (from.ahead.includes(index)) continue;
      const operation = this.#answered[index] as Answered<Input, Output>;
      const { predecessor } = operation;
      if (predecessor !== undefined && !isIn(from, predecessor)) continue;
      const state = this.#specification.next(from.state, operation.input, operation.output);
      if (state === impossible) continue;
      const child = added(from, index, state, this.#specification.encode(state));
      const isHarmless = child.stateText === from.stateText && (operation.openBefore & ~from.open) === 0n;
      if (isHarmless) return { children: [child], isSettled: true };
      // The front has to come soon: what leaves it for later is tried later.
      if (index === from.front) children.unshift(child);
      else children.push(child);
    }
    return { children, isSettled: false };
  }

  /** Adds the variants with one more open operation than the next one to grow has; false if there are no more. */
  #grow(frame: Frame<State>): boolean {
    const from = frame.variants[frame.variantsGrown];
    if (from === undefined) return false;
    frame.variantsGrown++;
    const front = this.#answered[from.front] as Answered<Input, Output>;
    for (const operation of this.#open) {
      if (operation.invokedAt > front.repliedAt) break;
      if (!this.#mayAdd(from, operation)) continue;
      const state = this.#specification.next(from.state, operation.input, undefined);
      if (state === impossible) continue;
      const stateText = this.#specification.encode(state);
      if (stateText === from.stateText) continue;
      const variant = { ...from, open: from.open | operation.bit, state, stateText };
      if (!isNews(frame.variantStates, stateText, variant.open)) continue;
      this.#visitedCount++;
      frame.variants.push(variant);
    }
    return this.#visitedCount <= this.#configurationsMax;
  }

  #mayAdd(from: Configuration<State>, operation: Open<Input>): boolean {
    if ((from.open & operation.bit) !== 0n || (from.open & operation.openAfter) !== 0n) return false;
    if (operation.twinBit !== 0n && (from.open & operation.twinBit) === 0n) return false;
    if (operation.predecessor !== undefined && !isIn(from, operation.predecessor)) return false;
    return operation.successor === undefined || !isIn(from, operation.successor);
  }

  /** False if it was looked at before, with no more open operations than now. */
  #visit(configuration: Configuration<State>): boolean {
    const key = `${configuration.front} ${configuration.ahead.join()} ${configuration.stateText}`;
    if (!isNews(this.#visited, key, configuration.open)) return false;
    this.#visitedCount++;
    return true;
  }
}

function overlapping(answered: readonly Answered<unknown, unknown>[]): readonly (readonly number[])[] {
  const byInvocation = answered.map(({ invokedAt }, index) => ({ invokedAt, index }));
  byInvocation.sort((a, b) => a.invokedAt - b.invokedAt);
  let position = 0;
  let current: number[] = [];
  return answered.map(({ repliedAt }, front) => {
    current = current.filter((index) => index >= front);
    for (let next = byInvocation[position]; next !== undefined; next = byInvocation[++position]) {
      if (next.invokedAt > repliedAt) break;
      current.push(next.index);
    }
    return current;
  });
}

/** Remembers `open` under `key`, unless it is there with the same operations or fewer. */
function isNews(known: Map<string, bigint[]>, key: string, open: bigint): boolean {
  const seen = known.get(key);
  if (seen === undefined) {
    known.set(key, [open]);
    return true;
  }
  if (seen.some((other) => (other & ~open) === 0n)) return false;
  seen.push(open);
  return true;
}

function isIn({ front, ahead }: { readonly front: number; readonly ahead: readonly number[] }, index: number): boolean {
  return index < front || ahead.includes(index);
}

function added<State>(
  from: Configuration<State>,
  index: number,
  state: State,
  stateText: string,
): Configuration<State> {
  const { open } = from;
  if (index !== from.front) {
    const ahead = [...from.ahead, index].sort((a, b) => a - b);
    return { front: from.front, ahead, open, state, stateText };
  }
  let front = index + 1;
  let passed = 0;
  while (from.ahead[passed] === front) {
    front++;
    passed++;
  }
  return { front, ahead: from.ahead.slice(passed), open, state, stateText };
}

function prepare<State, Input, Output>(
  operations: readonly Operation<Input, Output>[],
  specification: Specification<State, Input, Output>,
  keepsClientOrder: boolean,
): { answered: Answered<Input, Output>[]; open: Open<Input>[] } {
  const replied = operations.filter((operation) => operation.kind === "replied");
  replied.sort((a, b) => a.repliedAt - b.repliedAt);
  const unanswered = operations.filter((operation) => operation.kind === "open");
  unanswered.sort((a, b) => a.invokedAt - b.invokedAt);
  const indexOf = new Map<Operation<Input, Output>, number>(replied.map((operation, index) => [operation, index]));
  const bitOf = new Map<Operation<Input, Output>, bigint>();
  for (const [index, operation] of unanswered.entries()) bitOf.set(operation, 1n << BigInt(index));
  const order = keepsClientOrder ? clientOrder(operations, indexOf, bitOf) : undefined;
  const twins = new Map<string, bigint>();
  return {
    answered: replied.map((operation) => ({
      ...operation,
      predecessor: order?.get(operation)?.predecessor,
      openBefore: order?.get(operation)?.openBefore ?? 0n,
    })),
    open: unanswered.map((operation) => {
      const { client, input, invokedAt } = operation;
      const text = `${keepsClientOrder ? client : ""} ${specification.describe(input, undefined)}`;
      const bit = bitOf.get(operation) as bigint;
      // Twins of one client have their order anyway.
      const twinBit = keepsClientOrder ? 0n : (twins.get(text) ?? 0n);
      twins.set(text, bit);
      const place = order?.get(operation);
      return {
        input,
        invokedAt,
        bit,
        twinBit,
        predecessor: place?.predecessor,
        successor: place?.successor,
        openAfter: place?.openAfter ?? 0n,
      };
    }),
  };
}

interface Place {
  readonly predecessor: number | undefined;
  successor: number | undefined;
  readonly openBefore: bigint;
  openAfter: bigint;
}

/** For each operation its neighbours among those of its client. */
function clientOrder<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  indexOf: ReadonlyMap<Operation<Input, Output>, number>,
  bitOf: ReadonlyMap<Operation<Input, Output>, bigint>,
): Map<Operation<Input, Output>, Place> {
  const byClient = new Map<number, Operation<Input, Output>[]>();
  for (const operation of operations) {
    const list = byClient.get(operation.client);
    if (list === undefined) byClient.set(operation.client, [operation]);
    else list.push(operation);
  }
  const places = new Map<Operation<Input, Output>, Place>();
  for (const list of byClient.values()) {
    list.sort((a, b) => a.invokedAt - b.invokedAt);
    let predecessor: number | undefined;
    let openBefore = 0n;
    for (const operation of list) {
      places.set(operation, { predecessor, successor: undefined, openBefore, openAfter: 0n });
      predecessor = indexOf.get(operation) ?? predecessor;
      openBefore |= bitOf.get(operation) ?? 0n;
    }
    let successor: number | undefined;
    let openAfter = 0n;
    for (const operation of list.reverse()) {
      const place = places.get(operation) as Place;
      place.successor = successor;
      place.openAfter = openAfter;
      successor = indexOf.get(operation) ?? successor;
      openAfter |= bitOf.get(operation) ?? 0n;
    }
  }
  return places;
}
