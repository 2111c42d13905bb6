import type { Operation } from "./history.ts";
import { impossible, type Specification } from "./specification.ts";
import { StateKinds } from "./state-kinds.ts";

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
 * Four rules keep it fast, none of which loses an order:
 * - an operation that fits, and changes nothing wherever it fits, is added at once, and nothing else is tried;
 * - open operations are added only right before an answered one that comes out differently without them;
 * - a configuration is not visited again with the same open operations, or more of them;
 * - orders without further open operations are tried first, and then those with a few, where the search got farthest.
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
  /**
   * States that are alike count as equal, so that of open operations which lead to such states only the first is
   * tried. An order that is found is as good as any other; "none" says nothing. Absent: no.
   */
  readonly areLikeStatesOne?: boolean;
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
  /** Having answered what it did, it has changed nothing. */
  readonly isReadOnly: boolean;
  /** Where the order of clients counts: the last answered operation of the same client before this one. */
  readonly predecessor: number | undefined;
}

interface Open<Input> {
  readonly input: Input;
  readonly invokedAt: number;
  /** Of two with the same text either may stand for the other. */
  readonly text: string;
  readonly bit: bigint;
  readonly predecessor: number | undefined;
}

interface Configuration<State> {
  readonly front: number;
  /** Ascending. */
  readonly ahead: readonly number[];
  readonly open: bigint;
  readonly state: State;
  readonly stateText: string;
}

/** A configuration with the open operations that were added last, in their order. */
interface Variant<State, Input> {
  readonly configuration: Configuration<State>;
  readonly added: readonly Open<Input>[];
}

/** A configuration, and those that open operations alone lead to from it, fewest first, as far as they are known. */
interface Growth<State, Input> {
  readonly variants: Variant<State, Input>[];
  /** The sets of open operations in `variants`, by state. */
  readonly known: Map<string, bigint[]>;
  /** So many of the variants have been grown by one more open operation. */
  grownCount: number;
}

/** To find the kind of a state so many operations are tried in the time for one configuration. */
const triedPerConfiguration = 500;

class Search<State, Input, Output> {
  readonly #specification: Specification<State, Input, Output>;
  readonly #configurationsMax: number;
  readonly #kinds: StateKinds<State, Input, Output> | undefined;
  readonly #answered: Answered<Input, Output>[];
  readonly #open: Open<Input>[];
  /** By front: the answered operations from it on that were asked for before its reply. */
  readonly #overlapping: readonly (readonly number[])[];
  readonly #visited = new Map<string, bigint[]>();
  readonly #stack: Configuration<State>[] = [];
  /** By priority: the front, less the number of times that it has been grown. */
  readonly #growths: Growth<State, Input>[][];
  #farthest = 0;
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
    if (options.areLikeStatesOne) this.#kinds = new StateKinds(this.#answered, this.#open, specification);
    this.#overlapping = overlapping(prepared.answered);
    this.#growths = Array.from({ length: this.#answered.length + 1 }, () => []);
  }

  run(): SearchOutcome {
    const { initial } = this.#specification;
    const stateText = this.#textOf(initial);
    this.#stack.push({ front: 0, ahead: [], open: 0n, state: initial, stateText });
    while (this.#effort <= this.#configurationsMax) {
      const configuration = this.#stack.pop();
      if (configuration !== undefined) {
        if (configuration.front === this.#answered.length) return { kind: "found", visitedCount: this.#visitedCount };
        if (this.#visit(configuration)) this.#expand(configuration);
      } else if (!this.#growSomewhere()) {
        return { kind: "none", deepest: this.#deepest, visitedCount: this.#visitedCount };
      }
    }
    return { kind: "undecided", visitedCount: this.#visitedCount };
  }

  /** Goes on without open operations, and remembers to come back for them. */
  #expand(configuration: Configuration<State>): void {
    const variant = { configuration, added: [] };
    this.#deepest = Math.max(this.#deepest, configuration.front);
    if (this.#goOn(configuration, variant) || this.#open.length === 0) return;
    const known = new Map([[configuration.stateText, [configuration.open]]]);
    this.#remember({ variants: [variant], known, grownCount: 0 });
  }

  /** Grows what lies farthest ahead by one more open operation, what has grown often later; false if nothing is left. */
  #growSomewhere(): boolean {
    while (this.#growths[this.#farthest]?.length === 0) this.#farthest--;
    const growth = this.#growths[this.#farthest]?.pop();
    if (growth === undefined) return false;
    const base = (growth.variants[0] as Variant<State, Input>).configuration;
    for (const variant of this.#grow(growth)) this.#goOn(base, variant);
    if (growth.grownCount < growth.variants.length) this.#remember(growth);
    return true;
  }

  #remember(growth: Growth<State, Input>): void {
    const { front } = (growth.variants[0] as Variant<State, Input>).configuration;
    const priority = Math.max(0, front - growth.grownCount);
    (this.#growths[priority] as Growth<State, Input>[]).push(growth);
    this.#farthest = Math.max(this.#farthest, priority);
  }

  /**
   * Puts what one more answered operation leads to from `variant` on the stack. True if one of them fits and is
   * read-only: then no other choice need be tried.
   */
  #goOn(base: Configuration<State>, { configuration: from, added }: Variant<State, Input>): boolean {
    const children: Configuration<State>[] = [];
    for (const index of this.#overlapping[from.front] as readonly number[]) {
      if (from.ahead.includes(index)) continue;
      const operation = this.#answered[index] as Answered<Input, Output>;
      const { predecessor } = operation;
      if (predecessor !== undefined && !isIn(from, predecessor)) continue;
      const state = this.#specification.next(from.state, operation.input, operation.output);
      if (state === impossible) continue;
      const stateText = this.#textOf(state);
      if (added.length > 0 && this.#mayWait(base, operation, added, stateText)) continue;
      const child = extended(from, index, state, stateText);
      if (operation.isReadOnly) {
        this.#stack.push(child);
        return true;
      }
      // The front has to come soon: what leaves it for later is tried later.
      if (index === from.front) children.unshift(child);
      else children.push(child);
    }
    for (const child of children.reverse()) this.#stack.push(child);
    return false;
  }

  /** Whether the open operations lead to the same state if they come after the answered one. */
  #mayWait(
    base: Configuration<State>,
    operation: Answered<Input, Output>,
    added: readonly Open<Input>[],
    stateText: string,
  ): boolean {
    let state = this.#specification.next(base.state, operation.input, operation.output);
    for (const { input } of added) {
      if (state === impossible) return false;
      state = this.#specification.next(state, input, undefined);
    }
    return state !== impossible && this.#textOf(state) === stateText;
  }

  /** The new variants with one more open operation than the next one to be grown. */
  #grow(growth: Growth<State, Input>): readonly Variant<State, Input>[] {
    const { added, configuration: from } = growth.variants[growth.grownCount++] as Variant<State, Input>;
    const { repliedAt } = this.#answered[from.front] as Answered<Input, Output>;
    const tried = new Set<string>();
    const variants: Variant<State, Input>[] = [];
    for (const operation of this.#open) {
      if (operation.invokedAt > repliedAt) break;
      if ((from.open & operation.bit) !== 0n || tried.has(operation.text)) continue;
      if (operation.predecessor !== undefined && !isIn(from, operation.predecessor)) continue;
      tried.add(operation.text);
      const state = this.#specification.next(from.state, operation.input, undefined);
      if (state === impossible) continue;
      const stateText = this.#textOf(state);
      const open = from.open | operation.bit;
      if (this.#effort > this.#configurationsMax) break;
      // Where states that are alike count as equal most that are made are not looked at, and cost time all the same.
      const areLikeOne = this.#kinds !== undefined;
      if (areLikeOne) this.#visitedCount++;
      if (stateText === from.stateText || !isNews(growth.known, stateText, areLikeOne ? 0n : open)) continue;
      if (!areLikeOne) this.#visitedCount++;
      variants.push({ configuration: { ...from, open, state, stateText }, added: [...added, operation] });
    }
    growth.variants.push(...variants);
    return variants;
  }

  #textOf(state: State): string {
    return this.#kinds === undefined ? this.#specification.encode(state) : this.#kinds.of(state);
  }

  get #effort(): number {
    return this.#visitedCount + (this.#kinds?.triedCount ?? 0) / triedPerConfiguration;
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

function extended<State>(
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
  const unanswered = operations.filter(
    (operation) => operation.kind === "open" && specification.isReadOnly?.(operation.input) !== true,
  );
  unanswered.sort((a, b) => a.invokedAt - b.invokedAt);
  const predecessors = keepsClientOrder ? findPredecessors(operations, replied) : undefined;
  return {
    answered: replied.map((operation) => ({
      ...operation,
      isReadOnly: specification.isReadOnly?.(operation.input, operation.output) === true,
      predecessor: predecessors?.get(operation),
    })),
    open: unanswered.map((operation, index) => {
      const { input, invokedAt } = operation;
      const text = specification.describe(input, undefined);
      return { input, invokedAt, text, bit: 1n << BigInt(index), predecessor: predecessors?.get(operation) };
    }),
  };
}

/** For each operation the last answered one that its client asked for before it, by its place in `replied`. */
function findPredecessors<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  replied: readonly Operation<Input, Output>[],
): ReadonlyMap<Operation<Input, Output>, number> {
  const indexes = new Map(replied.map((operation, index) => [operation, index]));
  const last = new Map<number, number>();
  const predecessors = new Map<Operation<Input, Output>, number>();
  for (const operation of operations.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
    const predecessor = last.get(operation.client);
    if (predecessor !== undefined) predecessors.set(operation, predecessor);
    const index = indexes.get(operation);
    if (index !== undefined) last.set(operation.client, index);
  }
  return predecessors;
}
