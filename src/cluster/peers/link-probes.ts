/**
 * Whether a peer's process answers on its connection, asked for whoever cannot reach it otherwise. One question a peer at a
 * time: a later one takes the place of an earlier one.
 */
export class LinkProbes {
  /** Before the question goes out. `answered` is called once, or never. */
  begin(nodeId: number, probe: LinkProbe): void {
    this.#probes.set(nodeId, probe);
  }

  /** The peer has answered a question that was sent at `sentMs`. */
  answered(nodeId: number, sentMs: number, nowMs: number): void {
    const probe = this.#probes.get(nodeId);
    // What was asked before may have been answered before.
    if (probe === undefined || sentMs < probe.fromMs) return;
    this.#probes.delete(nodeId);
    if (nowMs <= probe.untilMs) probe.answered();
  }

  readonly #probes: Map<number, LinkProbe> = new Map();
}

/** Times are the clock's monotonic ones. */
export interface LinkProbe {
  readonly fromMs: number;
  /** Later answers are of no use. */
  readonly untilMs: number;
  readonly answered: () => void;
}
