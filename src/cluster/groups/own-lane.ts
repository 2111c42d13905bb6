import type { Reply } from "../../resp/index.ts";
import { ErrorReply } from "../../resp/index.ts";
import { Lane } from "../replica/lane.ts";

/** For commands that the node itself puts into the log: nobody waits for them. */
export class OwnLane extends Lane {
  constructor(onDropped: () => void) {
    super();
    this.#onDropped = onDropped;
  }

  override answer(_ticket: number, reply: Reply): void {
    if (reply instanceof ErrorReply) this.#onDropped();
  }

  override giveBack(): void {
    this.#onDropped();
  }

  override largeProposed(): void {}

  readonly #onDropped: () => void;
}
