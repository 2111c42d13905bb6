import type { Clock } from "../platform/index.ts";
import type { NodeSettings } from "./settings.ts";

/** What the snapshots of all groups of a node share, so that they disturb nothing else (CONSENSUS N-5). */
export class SnapshotBudget {
  constructor(clock: Clock, settings: Pick<NodeSettings, "snapshotSendsMax" | "snapshotBytesPerSecond">) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** One at a time is made. False: not now. Whoever got true calls `endMaking`. */
  beginMaking(): boolean {
    if (this.#isMaking) return false;
    this.#isMaking = true;
    return true;
  }

  endMaking(): void {
    this.#isMaking = false;
  }

  /** False: enough are being sent. Whoever got true calls `endSending`. */
  beginSending(): boolean {
    if (this.#sendCount >= this.#settings.snapshotSendsMax) return false;
    this.#sendCount++;
    return true;
  }

  endSending(): void {
    this.#sendCount--;
  }

  /** Takes a share of what goes out: these bytes may be sent after a wait of so many milliseconds. */
  reserve(byteCount: number): number {
    const nowMs = this.#clock.nowMs();
    const fromMs = Math.max(nowMs, this.#freeMs);
    this.#freeMs = fromMs + (1_000 * byteCount) / this.#settings.snapshotBytesPerSecond;
    return fromMs - nowMs;
  }

  readonly #clock: Clock;
  readonly #settings: Pick<NodeSettings, "snapshotSendsMax" | "snapshotBytesPerSecond">;
  #isMaking = false;
  #sendCount = 0;
  /** When all that was reserved has gone out. */
  #freeMs = 0;
}
