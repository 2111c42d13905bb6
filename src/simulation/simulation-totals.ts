import { type MarkName, markNames } from "../platform/index.ts";
import type { SimulationReport } from "./cluster-simulation.ts";

/** A mark that so many seeds have not reached is a mistake: in the mark, the faults or the work (CONSENSUS X-8). */
export const markSeedsMax = 10_000;

/** What a long run has counted so far, as it stands in its state file. */
export interface TotalsRecord {
  readonly nextSeed: number;
  readonly seeds: number;
  readonly failedSeeds: readonly number[];
  readonly undecided: number;
  /** Which these were; state files from before this was noted count some more. */
  readonly undecidedSeeds: readonly number[];
  readonly operations: number;
  readonly unknown: number;
  readonly faults: number;
  readonly leaders: number;
  readonly simulatedMs: number;
  readonly elapsedMs: number;
  /** How many of the seeds ran on each commit. */
  readonly seedsByCommit: Readonly<Record<string, number>>;
  readonly marks: Readonly<Partial<Record<MarkName, number>>>;
}

const nothing: Omit<TotalsRecord, "nextSeed"> = {
  seeds: 0,
  failedSeeds: [],
  undecided: 0,
  undecidedSeeds: [],
  operations: 0,
  unknown: 0,
  faults: 0,
  leaders: 0,
  simulatedMs: 0,
  elapsedMs: 0,
  seedsByCommit: {},
  marks: {},
};

/** Adds up runs, over many calls of the program. */
export class Totals {
  #record: TotalsRecord;
  readonly #commit: string;

  constructor(start: { readonly nextSeed: number } & Partial<TotalsRecord>, commit: string) {
    this.#record = { ...nothing, ...start };
    this.#commit = commit;
  }

  get record(): TotalsRecord {
    return this.#record;
  }

  add(report: SimulationReport, elapsedMs: number): void {
    const before = this.#record;
    const marks = { ...before.marks };
    for (const [name, count] of report.marks) marks[name] = (marks[name] ?? 0) + count;
    this.#record = {
      nextSeed: report.seed + 1,
      seeds: before.seeds + 1,
      failedSeeds: report.violations.length > 0 ? [...before.failedSeeds, report.seed] : before.failedSeeds,
      undecided: before.undecided + (report.isUndecided ? 1 : 0),
      undecidedSeeds: report.isUndecided ? [...before.undecidedSeeds, report.seed] : before.undecidedSeeds,
      operations: before.operations + report.operationCount,
      unknown: before.unknown + report.unknownCount,
      faults: before.faults + report.faultCount,
      leaders: before.leaders + report.leaderCount,
      simulatedMs: before.simulatedMs + report.simulatedMs,
      elapsedMs: before.elapsedMs + elapsedMs,
      seedsByCommit: { ...before.seedsByCommit, [this.#commit]: (before.seedsByCommit[this.#commit] ?? 0) + 1 },
      marks,
    };
  }

  /** Marks that no run has passed. */
  get missedMarks(): readonly MarkName[] {
    return markNames.filter((name) => (this.#record.marks[name] ?? 0) === 0);
  }

  /** Marks were missed for too long. */
  get isMarkOverdue(): boolean {
    return this.#record.seeds >= markSeedsMax && this.missedMarks.length > 0;
  }

  describe(): string {
    const { elapsedMs, failedSeeds, faults, leaders, nextSeed, operations, seeds, simulatedMs } = this.#record;
    const { undecided, undecidedSeeds, unknown } = this.#record;
    const which = undecidedSeeds.length === 0 ? "" : ` (${undecidedSeeds.join(" ")})`;
    const numbers = [
      `${seeds} seeds up to ${nextSeed - 1}`,
      `${failedSeeds.length} failed`,
      `${undecided} undecided${which}`,
      `${operations} operations (${unknown} of unknown outcome)`,
      `${faults} faults`,
      `${leaders} leaders`,
      `${(simulatedMs / 1000).toFixed(0)} simulated seconds in ${(elapsedMs / 1000).toFixed(1)}`,
    ];
    return `simulator: ${numbers.join(", ")}`;
  }

  /** One line a mark, the rarest first. */
  describeMarks(): string {
    const counted = markNames.map((name) => ({ name, count: this.#record.marks[name] ?? 0 }));
    counted.sort((left, right) => left.count - right.count);
    const width = String(counted.at(-1)?.count ?? 0).length;
    return counted.map(({ count, name }) => `  ${String(count).padStart(width)} ${name}`).join("\n");
  }
}
