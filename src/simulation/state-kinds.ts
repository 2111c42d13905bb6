import { impossible, type Specification } from "./specification.ts";

interface Done<Input, Output> {
  readonly input: Input;
  /** Undefined: the reply is not known. */
  readonly output?: Output;
}

/** After so many operations it is looked whether others lead to the same state from there. */
const sampledMax = 4;

/**
 * Sorts the states of a history into kinds: two are alike if the same replies fit there, and if it is the same after
 * whatever one operation. Nobody who saw no more than that could tell them apart. The values of two writes that nobody
 * ever read are so, where it does not matter that there are both. Alike is not equal: longer stories may tell them apart.
 */
export class StateKinds<State, Input, Output> {
  readonly #specification: Specification<State, Input, Output>;
  readonly #answered: readonly Done<Input, Output>[];
  /** Those that may lead to different states from different ones. */
  readonly #telling: readonly Done<Input, Output>[];
  readonly #fitting: Map<string, string> = new Map();
  readonly #kinds: Map<string, string> = new Map();
  readonly #names: Map<string, string> = new Map();
  #triedCount = 0;

  constructor(
    answered: readonly Required<Done<Input, Output>>[],
    open: readonly Done<Input, Output>[],
    specification: Specification<State, Input, Output>,
  ) {
    this.#specification = specification;
    this.#answered = answered;
    const { initial, isReadOnly } = specification;
    const all = [...answered, ...open];
    const samples = [initial, ...all.slice(0, sampledMax).map((each) => this.#after(initial, { input: each.input }))];
    this.#telling = all.filter((each) => {
      if (isReadOnly?.(each.input, each.output) === true) return false;
      const texts = samples.map((state) => this.#textAfter(state, { input: each.input }));
      return texts.some((text) => text !== texts[0]);
    });
  }

  /** How many operations were tried so far, which is what takes the time. */
  get triedCount(): number {
    return this.#triedCount;
  }

  /** The name of the kind of `state`. */
  of(state: State): string {
    const text = this.#specification.encode(state);
    let kind = this.#kinds.get(text);
    if (kind === undefined) {
      kind = this.#name(`${this.#fits(state, text)} ${this.#leadsTo(state, text)}`);
      this.#kinds.set(text, kind);
    }
    return kind;
  }

  /** Which replies fit. */
  #fits(state: State, text: string): string {
    let fitting = this.#fitting.get(text);
    if (fitting === undefined) {
      let bits = "";
      for (const each of this.#answered) bits += this.#after(state, each) === impossible ? "0" : "1";
      fitting = this.#name(bits);
      this.#fitting.set(text, fitting);
    }
    return fitting;
  }

  /** Which replies fit after one operation. */
  #leadsTo(state: State, text: string): string {
    const seen = new Set([text]);
    const fitting = new Set<string>();
    for (const each of this.#telling) {
      const after = this.#after(state, each);
      if (after === impossible) continue;
      const textAfter = this.#specification.encode(after);
      if (seen.has(textAfter)) continue;
      seen.add(textAfter);
      fitting.add(this.#fits(after, textAfter));
    }
    return [...fitting].sort().join();
  }

  #after(state: State | typeof impossible, { input, output }: Done<Input, Output>): State | typeof impossible {
    this.#triedCount++;
    return state === impossible ? impossible : this.#specification.next(state, input, output);
  }

  #textAfter(state: State | typeof impossible, done: Done<Input, Output>): string | undefined {
    const after = this.#after(state, done);
    return after === impossible ? undefined : this.#specification.encode(after);
  }

  #name(text: string): string {
    const name = this.#names.get(text) ?? String(this.#names.size);
    this.#names.set(text, name);
    return name;
  }
}
