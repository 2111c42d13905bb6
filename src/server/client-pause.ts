import type { Clock, Timer } from "../platform/index.ts";
import type { Connection } from "./connection.ts";
import type { ServedCommand } from "./served-command.ts";

/** From none to all: a later pause adds to an earlier one. */
export type PauseMode = "off" | "write" | "all";

/**
 * `CLIENT PAUSE`: commands that it stops are held, each by its connection, which reads no further, and run when it is
 * over. What is wrong with a command is said at once.
 */
export class ClientPause {
  mode: PauseMode = "off";
  readonly #clock: Clock;
  #endMs = 0;
  #timer: Timer | undefined;
  readonly #held = new Set<Connection>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  stops(command: ServedCommand): boolean {
    return this.mode === "all" || (this.mode === "write" && command.isWrite);
  }

  /** Pauses, or goes on pausing, for `durationMs` from now at least. */
  begin(mode: "write" | "all", durationMs: number): void {
    const endMs = this.#clock.nowMs() + durationMs;
    this.#endMs = this.mode === "off" ? endMs : Math.max(this.#endMs, endMs);
    if (this.mode !== "all") this.mode = mode;
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(this.#endMs - this.#clock.nowMs(), () => this.end());
  }

  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.mode = "off";
    const held = [...this.#held];
    this.#held.clear();
    for (const connection of held) connection.endPause();
  }

  /** `connection` has a command that waits for the end. */
  hold(connection: Connection): void {
    this.#held.add(connection);
  }

  /** The connection is gone. */
  forget(connection: Connection): void {
    this.#held.delete(connection);
  }
}
