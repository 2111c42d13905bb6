import { type Random, randomInteger } from "../platform/index.ts";

/**
 * Whom to probe next: all members in a random order, then all again in another one (SWIM §4.3). So each is probed once in
 * that many periods, at the latest after twice as many. Those that come in the middle of a round are put in anywhere in what
 * is left of it.
 */
export class ProbeOrder {
  constructor(random: Random) {
    this.#random = random;
  }

  add(id: number): void {
    const at = randomInteger(this.#random, { min: this.#next, max: this.#ids.length });
    this.#ids.splice(at, 0, id);
  }

  remove(id: number): void {
    const at = this.#ids.indexOf(id);
    if (at === -1) return;
    this.#ids.splice(at, 1);
    if (at < this.#next) this.#next--;
  }

  /** Undefined if there is nobody. */
  next(): number | undefined {
    if (this.#next >= this.#ids.length) {
      shuffle(this.#ids, this.#random);
      this.#next = 0;
    }
    return this.#ids[this.#next++];
  }

  readonly #random: Random;
  readonly #ids: number[] = [];
  #next = 0;
}

/** `count` of `items` in a random order, or all of them. */
export function pickSome<T>(items: readonly T[], count: number, random: Random): readonly T[] {
  const rest = [...items];
  const picked: T[] = [];
  while (picked.length < count && rest.length > 0) {
    const at = randomInteger(random, { min: 0, max: rest.length - 1 });
    picked.push(rest[at] as T);
    rest[at] = rest.at(-1) as T;
    rest.pop();
  }
  return picked;
}

/** In place (Fisher and Yates). */
function shuffle<T>(items: T[], random: Random): void {
  for (let at = items.length - 1; at > 0; at--) {
    const other = randomInteger(random, { min: 0, max: at });
    [items[at], items[other]] = [items[other] as T, items[at] as T];
  }
}
