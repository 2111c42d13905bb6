/** What this node's disk can do, and what the other nodes say of theirs: who is fit to lead. */
import type { NodeLog } from "../../log/index.ts";
import type { Clock, Logger } from "../../platform/index.ts";
import { DiskSlowness } from "./disk-slowness.ts";

/** What a node says of its disk. */
export interface DiskWord {
  /** It takes no entries. */
  readonly isFull: boolean;
  /** It is slow beside the others', see `DiskSlowness`. */
  readonly isSlow: boolean;
  /** What a write and its sync take, in milliseconds; undefined: it has written too little of late to say. */
  readonly syncMs: number | undefined;
}

/** A figure that was not said again for so long is none: several pings. */
const wordMsMax = 5_000;

export interface NodeDisksOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly log: Pick<NodeLog, "isFull" | "syncTimes">;
}

export class NodeDisks {
  constructor(options: NodeDisksOptions) {
    this.#options = options;
  }

  /** Whether this node's is slow beside the others'. */
  get isSlow(): boolean {
    return this.#slowness.isSlow;
  }

  /** This node's, as it is told to others. */
  get own(): DiskWord {
    const { isFull, syncTimes } = this.#options.log;
    return { isFull, isSlow: this.#slowness.isSlow, syncMs: syncTimes?.ms };
  }

  /** At even intervals, those of the pings: judges this node's disk. */
  look(): void {
    const { clock, log, logger } = this.#options;
    const nowMs = clock.nowMs();
    log.syncTimes?.look(nowMs);
    const before = this.#slowness.isSlow;
    const syncMs = log.syncTimes?.ms;
    this.#slowness.look(syncMs, this.#figures(nowMs));
    const { isSlow } = this.#slowness;
    if (isSlow === before) return;
    const event = isSlow ? "this node's disk is slow beside the others': it leads nothing" : "this node's disk is well";
    logger.log(isSlow ? "warn" : "info", event, { syncMs: Math.round(syncMs ?? 0) });
  }

  /** What a peer has said. */
  heard(nodeId: number, word: DiskWord): void {
    this.#words.set(nodeId, { word, atMs: this.#options.clock.nowMs() });
    if (word.isFull) this.#full.add(nodeId);
    else this.#full.delete(nodeId);
  }

  get hasFullPeer(): boolean {
    return this.#full.size > 0;
  }

  /** Whether the peer has said that its disk takes no entries. */
  isPeerFull(nodeId: number): boolean {
    return this.#full.has(nodeId);
  }

  /** Whether the peer has said that its disk is slow beside the others'. */
  isPeerSlow(nodeId: number): boolean {
    return this.#words.get(nodeId)?.word.isSlow === true;
  }

  readonly #options: NodeDisksOptions;
  readonly #slowness: DiskSlowness = new DiskSlowness();
  readonly #words: Map<number, { readonly word: DiskWord; readonly atMs: number }> = new Map();
  readonly #full: Set<number> = new Set();

  #figures(nowMs: number): readonly number[] {
    return [...this.#words.values()].flatMap(({ word, atMs }) => {
      return word.syncMs === undefined || nowMs - atMs > wordMsMax ? [] : [word.syncMs];
    });
  }
}
