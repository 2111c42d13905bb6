/** How far a change has come that moves replicas: a bar, a rate, and the time that is left at this rate. */
import { background, sleep } from "../channels/index.ts";
import { formatBar } from "./table.ts";

export interface MoveProgress {
  /** Replicas that have still to move; 0: all have, and the change is done once `isDone`. */
  readonly left: number;
  readonly isDone: boolean;
}

const lookMs = 500;
/** Where lines cannot be written over, one is written this often. */
const lineMs = 10_000;
const barColumns = 24;

/** `████░░░░  12 of 34 replicas moved, 1.2 a second, 18 s left`. */
export function progressText({ total, left, elapsedMs }: { total: number; left: number; elapsedMs: number }): string {
  const done = Math.max(0, total - left);
  const what = `${done} of ${total} ${total === 1 ? "replica" : "replicas"} moved`;
  const bar = formatBar(total === 0 ? 1 : done / total, barColumns);
  if (done === 0 || elapsedMs <= 0 || left === 0) return `${bar}  ${what}`;
  const perSecond = (done * 1_000) / elapsedMs;
  const rate = perSecond >= 0.95 ? `${perSecond.toFixed(1)} a second` : `${(perSecond * 60).toFixed(1)} a minute`;
  return `${bar}  ${what}, ${rate}, ${timeText((left * elapsedMs) / done)} left`;
}

function timeText(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}

/**
 * Looks until it is done, and writes how far it is to standard error. Whoever stops waiting stops nothing else.
 *
 * @throws what `look` throws
 */
export async function waitForMoves(look: () => Promise<MoveProgress>): Promise<void> {
  const { clock } = background().runtime;
  const beganMs = clock.nowMs();
  const isTerminal = process.stderr.isTTY;
  let total = 0;
  let writtenMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const { left, isDone } = await look();
    total = Math.max(total, left);
    const nowMs = clock.nowMs();
    const text = progressText({ total, left, elapsedMs: nowMs - beganMs });
    if (isTerminal) process.stderr.write(`\r\u001b[K${text}${isDone ? "\n" : ""}`);
    else if (isDone || nowMs - writtenMs >= lineMs) {
      process.stderr.write(`${text}\n`);
      writtenMs = nowMs;
    }
    if (isDone) return;
    await sleep(lookMs);
  }
}
