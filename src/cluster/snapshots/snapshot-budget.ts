import type { Clock } from "../../platform/index.ts";
import type { NodeSettings } from "../settings.ts";

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

  /** How long nothing more may be sent. */
  get waitMs(): number {
    return Math.max(0, this.#freeMs - this.#clock.nowMs());
  }

  /** These bytes are sent now; what comes next waits until they have had their time. */
  spend(byteCount: number): void {
    const fromMs = Math.max(this.#clock.nowMs(), this.#freeMs);
    this.#freeMs = fromMs + (1_000 * byteCount) / this.#settings.snapshotBytesPerSecond;
  }

  readonly #clock: Clock;
  readonly #settings: Pick<NodeSettings, "snapshotSendsMax" | "snapshotBytesPerSecond">;
  #isMaking = false;
  #sendCount = 0;
  /** When all that was sent has had its time. */
  #freeMs = 0;
}
