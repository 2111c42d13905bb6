import type { ServerConfig } from "./config.ts";

/** Redis' number: one sample a second, for at least 160 seconds with something to tell. */
const samplesMax = 160;

export interface LatencySample {
  readonly wallSeconds: number;
  readonly milliseconds: number;
}

export interface LatencyEvent {
  readonly name: string;
  readonly samples: readonly LatencySample[];
  readonly maximum: number;
}

/** What took longer than `latency-monitor-threshold` milliseconds, by kind of event; nothing while that is 0. */
export class LatencyMonitor {
  /** In milliseconds; infinity if nothing is recorded. */
  thresholdMs: number = Number.POSITIVE_INFINITY;
  readonly #events = new Map<string, { samples: LatencySample[]; maximum: number }>();

  constructor(config: ServerConfig) {
    config.onValue("latency-monitor-threshold", (value) => {
      this.thresholdMs = value === "0" ? Number.POSITIVE_INFINITY : Number(value);
    });
  }

  /** The worst of each second is kept. */
  record(name: string, milliseconds: number, wallMs: number): void {
    const whole = Math.floor(milliseconds);
    const wallSeconds = Math.floor(wallMs / 1_000);
    let event = this.#events.get(name);
    if (event === undefined) {
      event = { samples: [], maximum: 0 };
      this.#events.set(name, event);
    }
    event.maximum = Math.max(event.maximum, whole);
    const last = event.samples.at(-1);
    if (last?.wallSeconds === wallSeconds) {
      if (whole > last.milliseconds) event.samples[event.samples.length - 1] = { wallSeconds, milliseconds: whole };
      return;
    }
    event.samples.push({ wallSeconds, milliseconds: whole });
    if (event.samples.length > samplesMax) event.samples.shift();
  }

  get events(): readonly LatencyEvent[] {
    return [...this.#events].map(([name, event]) => ({ name, ...event }));
  }

  event(name: string): LatencyEvent | undefined {
    const event = this.#events.get(name);
    return event === undefined ? undefined : { name, ...event };
  }

  /** Forgets these events, or all; how many there were. */
  reset(names: readonly string[]): number {
    if (names.length > 0) return names.filter((name) => this.#events.delete(name)).length;
    const count = this.#events.size;
    this.#events.clear();
    return count;
  }
}
