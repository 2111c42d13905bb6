/**
 * Which nodes are not heard, and where: what this node says of its peers, and they of theirs. A node is absent where the directory is led only
 * if nobody who works with it hears it: one that is cut off from the directory's leader alone is not lost (DESIGN §9).
 */
import { nodesMax } from "../../directory/index.ts";
import type { Clock } from "../../platform/index.ts";

/** Who was heard within this time is there: several heartbeats. What a node said longer ago says nothing any more. */
export const heardWithinMs = 5_000;

export interface SilencesOptions {
  readonly clock: Clock;
  readonly peerIds: () => readonly number[];
  /** When a peer was heard last, on the clock's scale; undefined: not since this node started. */
  readonly heardMs: (nodeId: number) => number | undefined;
}

export class Silences {
  constructor(options: SilencesOptions) {
    this.#options = options;
  }

  /**
   * The peers that this node does not hear, told to all; mostly none. Whom it has not heard yet in this run is among them: who has just
   * started is no witness for anybody. Of more than there can be nodes the rest count as heard.
   */
  get own(): readonly number[] {
    const { clock, heardMs, peerIds } = this.#options;
    const fromMs = clock.nowMs() - heardWithinMs;
    const silent = peerIds().filter((id) => (heardMs(id) ?? Number.NEGATIVE_INFINITY) < fromMs);
    return silent.slice(0, nodesMax);
  }

  /** A peer has said whom it does not hear. */
  told(by: number, silent: readonly number[]): void {
    this.#told.set(by, { silent, atMs: this.#options.clock.nowMs() });
  }

  /** Whom a peer does not hear, as it said itself of late; undefined: it has said nothing. */
  of(nodeId: number): readonly number[] | undefined {
    const told = this.#told.get(nodeId);
    return told === undefined || this.#options.clock.nowMs() - told.atMs > heardWithinMs ? undefined : told.silent;
  }

  readonly #options: SilencesOptions;
  readonly #told: Map<number, { readonly silent: readonly number[]; readonly atMs: number }> = new Map();
}

/** A shard's members and who leads it, as the directory's leader knows. */
export interface WitnessedShard {
  /** Numbers of the nodes with a replica, or which are to have one. */
  readonly nodes: readonly number[];
  /** Undefined: not known. */
  readonly leader: number | undefined;
}

/**
 * Who hears a node that the directory's leader does not, sorted: of each shard of which it has a replica the leader is asked, and where
 * that is not known, or says nothing, all who have a replica. So they are where the directory's leader leads the shard itself: its own hearing does
 * not count twice. An old answer neither confirms nor denies.
 *
 * @param silentAt whom another node does not hear, see {@link Silences.of}
 */
export function hearersOf(
  node: number,
  shards: Iterable<WitnessedShard>,
  silentAt: (witness: number) => readonly number[] | undefined,
): readonly number[] {
  const hearers = new Set<number>();
  for (const { nodes, leader } of shards) {
    if (!nodes.includes(node)) continue;
    const isAsked = leader !== undefined && leader !== node && silentAt(leader) !== undefined;
    const witnesses = isAsked ? [leader] : nodes.filter((each) => each !== node);
    for (const witness of witnesses) if (silentAt(witness)?.includes(node) === false) hearers.add(witness);
  }
  return [...hearers].sort((a, b) => a - b);
}
