/** A queue whose both ends are cheap, also when it is long. */
export class Fifo<Item> {
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Item `at` from the front; undefined behind the end. */
  at(at: number): Item | undefined {
    return this.#items[this.#head + at];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  shift(): Item | undefined {
    if (this.#head === this.#items.length) return undefined;
    const item = this.#items[this.#head++];
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1_024 && this.#head * 2 > this.#items.length) {
      this.#compact();
    }
    return item;
  }

  /** Puts an item at place `at` from the front. */
  insert(at: number, item: Item): void {
    this.#compact();
    this.#items.splice(at, 0, item);
  }

  /** Takes the items from place `at` on. */
  cutFrom(at: number): Item[] {
    this.#compact();
    return this.#items.splice(Math.max(0, at));
  }

  #items: Item[] = [];
  #head = 0;

  #compact(): void {
    if (this.#head === 0) return;
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
