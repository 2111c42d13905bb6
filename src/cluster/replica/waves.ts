/**
 * What the groups of a node send off, they send off together. Each group by itself keeps a few batches under way and
 * collects meanwhile, which is what makes batches large. With many groups that are led by one node each command would find
 * a group that has room, and go alone: an entry, a message to every peer, an answer, a turn for each. So the node counts
 * *waves*: all that leaves within one turn is one, and only so many are under way.
 */
import type { Clock, Timer } from "../../platform/index.ts";
import type { NodeSettings } from "../settings.ts";

/** A wave that takes longer does not hold up others: a group in it has no majority now. */
const waveMsMax = 100;

interface Wave {
  readonly sinceMs: number;
  /** What left with it and has not arrived. */
  count: number;
}

/** One group's part: batches, or rounds of reads, that arrive in the order in which they leave. */
export interface WaveMember {
  /** Whether something may leave now. If not, its group gets a turn when it may. */
  mayLeave(): boolean;
  left(): void;
  arrived(): void;
  /** Nothing of what has left is waited for any more, and nothing is to leave. */
  forgotten(): void;
}

export class Waves {
  constructor(clock: Clock, wavesMax: number) {
    this.#clock = clock;
    this.#wavesMax = wavesMax;
  }

  /** `wake` asks for a turn of the group. */
  member(wake: () => void): WaveMember {
    const waves: Wave[] = [];
    return {
      mayLeave: () => this.#mayLeave(wake),
      left: () => waves.push(this.#join()),
      arrived: () => this.#leave(waves.shift()),
      forgotten: () => {
        this.#waiting.delete(wake);
        for (const wave of waves.splice(0)) this.#leave(wave);
      },
    };
  }

  /** The turn is over: what leaves from now on is another wave. */
  turned(): void {
    const wave = this.#open;
    this.#open = undefined;
    if (wave?.count === 0) this.#end(wave);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  readonly #clock: Clock;
  readonly #wavesMax: number;
  /** The oldest first. */
  readonly #underWay: Wave[] = [];
  readonly #waiting: Set<() => void> = new Set();
  /** Of this turn; among those under way. */
  #open: Wave | undefined;
  #timer: Timer | undefined;

  #mayLeave(wake: () => void): boolean {
    if (this.#open !== undefined || this.#underWay.length < this.#wavesMax) return true;
    this.#waiting.add(wake);
    if (this.#timer === undefined) this.#watch();
    return false;
  }

  #join(): Wave {
    if (this.#open === undefined) {
      this.#open = { sinceMs: this.#clock.nowMs(), count: 0 };
      this.#underWay.push(this.#open);
    }
    this.#open.count++;
    return this.#open;
  }

  #leave(wave: Wave | undefined): void {
    if (wave === undefined) return;
    wave.count--;
    if (wave.count === 0 && wave !== this.#open) this.#end(wave);
  }

  #end(wave: Wave): void {
    const at = this.#underWay.indexOf(wave);
    if (at < 0) return;
    this.#underWay.splice(at, 1);
    this.#wakeAll();
  }

  #wakeAll(): void {
    if (this.#underWay.length >= this.#wavesMax) return;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Somebody waits: the oldest wave is waited for until its time is over. */
  #watch(): void {
    const oldest = this.#underWay[0];
    if (oldest === undefined) return;
    this.#timer = this.#clock.setTimer(Math.max(0, oldest.sinceMs + waveMsMax - this.#clock.nowMs()), () => {
      this.#timer = undefined;
      const nowMs = this.#clock.nowMs();
      while ((this.#underWay[0]?.sinceMs ?? nowMs) + waveMsMax <= nowMs) this.#underWay.shift();
      this.#wakeAll();
      if (this.#waiting.size > 0) this.#watch();
    });
  }
}

/** A node's batches of writes, and its rounds of reads. A node with one shard needs no waves: that collects by itself. */
export class NodeWaves {
  constructor(
    clock: Clock,
    settings: Pick<NodeSettings, "batchesInFlightMax" | "readRoundsInFlightMax">,
    shardCount: number,
  ) {
    this.#isAlone = shardCount === 1;
    this.#writes = new Waves(clock, settings.batchesInFlightMax);
    this.#reads = new Waves(clock, settings.readRoundsInFlightMax);
  }

  /** A group's part in both. */
  members(wake: () => void): WaveMembers {
    if (this.#isAlone) return { writeWave: aloneMember, readWave: aloneMember };
    return { writeWave: this.#writes.member(wake), readWave: this.#reads.member(wake) };
  }

  turned(): void {
    this.#writes.turned();
    this.#reads.turned();
  }

  stop(): void {
    this.#writes.stop();
    this.#reads.stop();
  }

  readonly #isAlone: boolean;
  readonly #writes: Waves;
  readonly #reads: Waves;
}

export interface WaveMembers {
  readonly writeWave: WaveMember;
  readonly readWave: WaveMember;
}

/** For a group that keeps step with nobody. */
export const aloneMember: WaveMember = {
  mayLeave: () => true,
  left: () => {},
  arrived: () => {},
  forgotten: () => {},
};
