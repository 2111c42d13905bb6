/** How far a change has come that moves replicas: a bar, a rate, and the time that is left at this rate. */
import { background, sleep } from "../channels/index.ts";
import { type DirectoryFacts, pictureHeld } from "../directory/index.ts";
import { heldText } from "./directory-report.ts";
import { formatBar } from "./table.ts";

export interface MoveProgress {
  /** Replicas that have still to move; 0: all have, and the change is done once `isDone`. */
  readonly left: number;
  readonly isDone: boolean;
}

const lookMs = 500;
/** Where lines cannot be written over, one is written this often. */
const lineMs = 10_000;
/** When nothing has changed for so long, the reason is said. */
const quietMs = 5_000;
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

/** What fits a line of a terminal: one that is wrapped could not be written over. */
export function fitted(text: string, columns: number): string {
  return text.length < columns ? text : `${text.slice(0, Math.max(0, columns - 2))}…`;
}

/**
 * Looks until it is done, and writes how far it is to standard error; and, where it does not go on for a while, why. Whoever
 * stops waiting stops nothing else. Resolves to the number of replicas that were seen to have to move: where there are none
 * nothing is written.
 *
 * @throws NO_ANSWER, STATUS_REFUSED, DIRECTORY_RECORD
 */
export async function waitForMoves(
  cluster: { directory(): Promise<DirectoryFacts> },
  look: (facts: DirectoryFacts) => MoveProgress,
): Promise<number> {
  const { clock } = background().runtime;
  const beganMs = clock.nowMs();
  const isTerminal = process.stderr.isTTY;
  let total = 0;
  let writtenMs = Number.NEGATIVE_INFINITY;
  let epoch = -1;
  let changedMs = beganMs;
  for (;;) {
    const facts = await cluster.directory();
    const { left, isDone } = look(facts);
    total = Math.max(total, left);
    const nowMs = clock.nowMs();
    if (facts.state.epoch !== epoch) changedMs = nowMs;
    epoch = facts.state.epoch;
    const [held] = !isDone && nowMs - changedMs >= quietMs ? pictureHeld(facts) : [];
    const why = held === undefined ? "" : `. ${heldText(held)}`;
    const text = progressText({ total, left, elapsedMs: nowMs - beganMs }) + why;
    if (total === 0 && why === "") {
      if (isDone) return total;
    } else if (isTerminal)
      process.stderr.write(`\r\u001b[K${fitted(text, process.stderr.columns)}${isDone ? "\n" : ""}`);
    else if (isDone || nowMs - writtenMs >= lineMs) {
      process.stderr.write(`${text}\n`);
      writtenMs = nowMs;
    }
    if (isDone) return total;
    await sleep(lookMs);
  }
}
