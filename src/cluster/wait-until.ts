import type { Clock } from "../platform/index.ts";

const pollMs = 5;

/** Resolves once `condition` holds, or after `limitMs`: whichever comes first. */
export function waitUntil(clock: Clock, condition: () => boolean, limitMs: number): Promise<void> {
  const endMs = clock.nowMs() + limitMs;
  return new Promise((resolve) => {
    const look = (): void => {
      if (condition() || clock.nowMs() >= endMs) resolve();
      else clock.setTimer(pollMs, look);
    };
    look();
  });
}
