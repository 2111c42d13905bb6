/**
 * The time that a leader puts into entries (DESIGN §8, CONSENSUS K-1): max(previous, own wall clock held to within a
 * band of the voters' median). One clock that runs away can then move the shard's time by the width of the band at
 * most, and a clock that is set back cannot move it at all.
 *
 * What is kept of each peer are *offsets*: its wall clock minus our monotonic clock, measured by a question and an
 * answer. A jump of our own wall clock then shows against the others at once. Too early destroys data, too late only
 * keeps it longer: so a peer's clock counts as the earliest that it was within the last seconds, and of an even number
 * of clocks the lower middle counts.
 */
import { assert, type Clock, mark } from "../../platform/index.ts";

/** An answer that took longer is counted only while there is no better one. */
const roundTripMsGood = 250;
const roundTripMsMax = 5_000;
/** A clock must have been ahead for so long before that is believed. */
const windowMs = 3_000;
/** A clock of which nothing was heard for longer is not counted. */
const freshMs = 30_000;

interface Offset {
  readonly offsetMs: number;
  readonly measuredMs: number;
  readonly isGood: boolean;
}

/** What is known of a peer's clock. */
interface PeerClock {
  readonly offsets: readonly Offset[];
  readonly earliestMs: number;
  readonly measuredMs: number;
}

export class EntryClock {
  constructor(clock: Clock, options: { readonly bandMs: number }) {
    this.#clock = clock;
    this.#bandMs = options.bandMs;
  }

  /** A peer said `peerWallMs` in answer to a question of `sentMs` (monotonic). */
  observe(nodeId: number, peerWallMs: number, sentMs: number): void {
    const nowMs = this.#clock.nowMs();
    const roundTripMs = nowMs - sentMs;
    if (!isTime(peerWallMs) || !(roundTripMs >= 0 && roundTripMs <= roundTripMsMax)) return;
    const isGood = roundTripMs <= roundTripMsGood;
    const offset = { offsetMs: peerWallMs - (sentMs + roundTripMs / 2), measuredMs: nowMs, isGood };
    const all = this.#peers.get(nodeId)?.offsets ?? [];
    // The newest from before the window stays: after a silence, what comes now must last as long as ever.
    const known = all.slice(
      Math.max(
        0,
        all.findLastIndex(({ measuredMs }) => nowMs - measuredMs > windowMs),
      ),
    );
    const good = [...known, offset].filter((each) => each.isGood);
    const offsets = good.length > 0 ? good : [...known, offset];
    const earliestMs = Math.min(...offsets.map((each) => each.offsetMs));
    this.#peers.set(nodeId, { offsets, earliestMs, measuredMs: (offsets.at(-1) ?? offset).measuredMs });
  }

  /** An entry of this time has been applied: no later one is earlier. */
  applied(timeMs: number): void {
    if (timeMs > this.#previousMs) this.#previousMs = timeMs;
  }

  /**
   * The time for an entry proposed now, in whole milliseconds; undefined as long as too few clocks are known for a
   * median: nothing can be proposed before. `voters` are the other voters' nodes.
   */
  next(voters: readonly number[]): number | undefined {
    const medianMs = this.#medianMs(voters);
    if (medianMs === undefined) return undefined;
    const heldMs = Math.min(medianMs + this.#bandMs, Math.max(medianMs - this.#bandMs, this.#clock.wallMs()));
    if (Math.abs(medianMs - this.#clock.wallMs()) > this.#bandMs) mark("the leader's clock is held to the band");
    const timeMs = Math.max(this.#previousMs, Math.floor(heldMs), 0);
    assert(Number.isSafeInteger(timeMs), "an entry's time is a whole number");
    this.#previousMs = timeMs;
    return timeMs;
  }

  /** Own wall clock minus the voters' median, in milliseconds; 0 as long as there is nobody to compare with. */
  skewMs(voters: readonly number[]): number {
    const medianMs = this.#medianMs(voters);
    return medianMs === undefined ? 0 : Math.round(this.#clock.wallMs() - medianMs);
  }

  readonly #clock: Clock;
  readonly #bandMs: number;
  /** By node. */
  readonly #peers: Map<number, PeerClock> = new Map();
  /** Used again by each call of `#medianMs`. */
  readonly #sorted: number[] = [];
  #previousMs = 0;

  /** Of the voters' clocks, ours included; undefined while too few of them are known to speak for a majority. */
  #medianMs(voters: readonly number[]): number | undefined {
    const nowMs = this.#clock.nowMs();
    const offsets = this.#sorted;
    offsets.length = 0;
    insert(offsets, this.#clock.wallMs() - nowMs);
    for (const nodeId of voters) {
      const peer = this.#peers.get(nodeId);
      if (peer !== undefined && nowMs - peer.measuredMs <= freshMs) insert(offsets, peer.earliestMs);
    }
    if (2 * offsets.length <= voters.length + 1) return undefined;
    return (offsets[(offsets.length - 1) >> 1] as number) + nowMs;
  }
}

/** At its place among numbers that rise. */
function insert(sorted: number[], value: number): void {
  let at = sorted.length;
  for (; at > 0 && (sorted[at - 1] as number) > value; at--) sorted[at] = sorted[at - 1] as number;
  sorted[at] = value;
}

function isTime(value: number): boolean {
  return Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}
