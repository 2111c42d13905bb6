import type { Clock, Logger, LogLevel, LogValue } from "../platform/index.ts";

/** An event is logged once in this time; the next one says how many were left out. */
const intervalMs = 1_000;

/** For events that somebody outside can cause as often as he likes. */
export class LogLimiter {
  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** `event` is one of a few constants. */
  log(level: LogLevel, event: string, fields: Readonly<Record<string, LogValue>>): void {
    const nowMs = this.#clock.nowMs();
    const last = this.#last.get(event);
    if (last !== undefined && nowMs - last.loggedMs < intervalMs) {
      last.leftOutCount++;
      return;
    }
    this.#last.set(event, { loggedMs: nowMs, leftOutCount: 0 });
    this.#logger.log(level, event, last === undefined || last.leftOutCount === 0 ? fields : withCount(fields, last));
  }

  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #last: Map<string, { readonly loggedMs: number; leftOutCount: number }> = new Map();
}

function withCount(
  fields: Readonly<Record<string, LogValue>>,
  last: { readonly leftOutCount: number },
): Readonly<Record<string, LogValue>> {
  return { ...fields, leftOut: last.leftOutCount };
}
