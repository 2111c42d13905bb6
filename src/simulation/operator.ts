import type { Platform } from "../platform/index.ts";
import { ErrorReply } from "../resp/index.ts";
import type { ClusterMember } from "./cluster-member.ts";
import { RedisSession } from "./redis-session.ts";
import type { SimulatedWorld } from "./world.ts";

/** Whoever has not answered by then is not waited for. */
const patienceMs = 10_000;
const retryMs = 500;

/** Refusals that another moment, or another node, may take back. */
const doubts = /^(CLUSTERDOWN|DIRECTORY_UNAVAILABLE|DISKFULL|ERR|LOADING|MAJORITY_AT_RISK|TRYAGAIN|UNCERTAIN) /;

/** Somebody who has nodes drained and removed, and asks one node after the other until one has done it or says no. */
export class Operator {
  constructor(world: SimulatedWorld, members: readonly ClusterMember[]) {
    this.#world = world;
    this.#members = members;
  }

  /** What is asked for and not done; it goes on being asked for. */
  get openCount(): number {
    return this.#open.size;
  }

  /** `words` is what follows COTERIE. The same ones that are open already are not asked for twice. */
  want(words: readonly string[], isDoubt: (answer: string) => boolean = () => false): void {
    const text = words.join(" ");
    if (this.#open.has(text)) return;
    this.#open.add(text);
    this.#attempt(words, isDoubt);
  }

  readonly #world: SimulatedWorld;
  readonly #members: readonly ClusterMember[];
  readonly #open: Set<string> = new Set();
  #platform: Platform | undefined;
  #turn = 0;

  #attempt(words: readonly string[], isDoubt: (answer: string) => boolean): void {
    const again = (): void => void this.#world.schedule(retryMs, () => this.#attempt(words, isDoubt));
    const running = this.#members.filter(({ node }) => node !== undefined);
    const member = running[this.#turn++ % running.length];
    if (member === undefined) {
      again();
      return;
    }
    this.#platform ??= this.#world.machine("operator").start();
    let isOver = false;
    const finish = (reply: unknown): void => {
      if (isOver) return;
      isOver = true;
      timer.cancel();
      session.destroy();
      const answer = reply instanceof ErrorReply ? reply.text : reply === undefined ? "" : String(reply);
      this.#world.trace("operator", `${words.join(" ")} at ${member.name}: ${answer === "" ? "no answer" : answer}`);
      if (answer === "" || doubts.test(answer) || isDoubt(answer)) again();
      else this.#open.delete(words.join(" "));
    };
    const session: RedisSession = new RedisSession(this.#platform, member.redisAddress, {
      onOpen: () => {},
      onClose: () => finish(undefined),
      onNonsense: () => finish(undefined),
    });
    const timer = this.#platform.clock.setTimer(patienceMs, () => finish(undefined));
    session.send([{ words: ["COTERIE", ...words], done: finish }]);
  }
}
