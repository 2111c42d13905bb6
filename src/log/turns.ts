/** Lets one piece of work run at a time, in the order of asking. */
export class Turns {
  async take(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    await turn;
  }

  #last: Promise<void> = Promise.resolve();
}
