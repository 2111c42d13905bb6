/** How many numbers back a reading can still be told from its double. */
const windowNumbers = 1_024;

/**
 * Counts what became of numbered readings. A number that was left out is lost, until it comes after all: then it was late.
 * A number that came before is a double. What is older than the window could be either, and is left out of the count.
 */
export class Tally {
  receivedCount = 0;
  doubledCount = 0;
  lateCount = 0;
  tooOldCount = 0;
  /** One more than the highest number so far. */
  #next = 0;
  /** The numbers of the window that came, and some before it. */
  #seen = new Set<number>();

  /** Numbers that should have come by now and have not. */
  get lostCount(): number {
    return this.#next - this.receivedCount;
  }

  take(number: number): void {
    if (number < this.#next - windowNumbers) {
      this.tooOldCount++;
    } else if (this.#seen.has(number)) {
      this.doubledCount++;
    } else {
      this.receivedCount++;
      this.#seen.add(number);
      if (number < this.#next) this.lateCount++;
      else this.#next = number + 1;
      if (this.#seen.size > 2 * windowNumbers) this.#forgetOld();
    }
  }

  #forgetOld(): void {
    this.#seen = new Set([...this.#seen].filter((number) => number >= this.#next - windowNumbers));
  }
}
