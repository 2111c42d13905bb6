import { type Figures, type Processes, prepareProcesses } from "../channels/processes.ts";
import { workNames } from "../channels/work.ts";
import { figure, type SuiteReport, type Table } from "../report.ts";
import type { Bench, Suite } from "../suite.ts";
import {
  type ChannelRow,
  goContenders,
  judgeChannels,
  medianOf,
  ownContender,
  parkedWork,
  peerRatios,
} from "./channels-gates.ts";

const parkedCount = 1_000_000;

/** A row and how one round of it is measured. */
interface Measured {
  readonly row: ChannelRow;
  measure(): Promise<Figures>;
}

export const channelsSuite: Suite = {
  name: "channels",
  summary: "channels beside Go's and other libraries': ping-pong, one way, select, a million goroutines",
  run: async (bench) => {
    bench.progress("channels: compiling the Go program, installing the peers");
    const processes = prepareProcesses(bench.premises.directory);
    const all = contests(bench, processes);
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const contest of all) {
        for (let turn = 0; turn < contest.length; turn++) {
          const { row, measure } = contest[(turn + round) % contest.length]!;
          bench.progress(`round ${round + 1} of ${bench.options.rounds}: ${row.work}, ${row.contender}`);
          try {
            row.rounds.push(await measure());
          } catch (error) {
            row.failure ??= (error instanceof Error ? error.message : String(error))
              .trim()
              .replaceAll(/\s*\n\s*/g, " | ");
          }
        }
      }
    }
    return report(
      bench,
      processes,
      all.flat().map(({ row }) => row),
    );
  },
};

/** What is measured beside each other, in turn. */
function contests(bench: Bench, processes: Processes): Measured[][] {
  const { measureMs, isPeerOnly } = bench.options;
  const libraries = [
    ...(isPeerOnly ? [] : [ownContender]),
    ...(processes.peersAbsence === undefined ? Object.keys(peerRatios) : []),
  ];
  const withGo = processes.goVersion !== undefined;
  const found: Measured[][] = [];
  for (const work of workNames) {
    const able = libraries.filter(
      (library) =>
        library === ownContender || (!work.endsWith("Tight") && !(library === "effect" && work === "select")),
    );
    const contest = able.map((library) =>
      measured(library, work, () => processes.runLibrary(library, work, measureMs)),
    );
    if (withGo && !work.endsWith("Tight")) {
      contest.push(
        ...goContenders.map((name, at) => measured(name, work, () => processes.runGo(at + 1, work, measureMs))),
      );
    }
    found.push(contest);
  }
  const parked = isPeerOnly ? [] : [measured(ownContender, parkedWork, () => processes.runParked(parkedCount))];
  if (withGo) {
    parked.push(
      ...goContenders.map((name, at) =>
        measured(name, parkedWork, () => processes.runGo(at + 1, parkedWork, parkedCount)),
      ),
    );
  }
  return [...found, parked];
}

function measured(contender: string, work: string, measure: () => Promise<Figures>): Measured {
  return { row: { contender, work, rounds: [], failure: undefined }, measure };
}

function report(bench: Bench, processes: Processes, rows: readonly ChannelRow[]): SuiteReport {
  const notes = [
    "Each figure comes from a process of its own; the contenders of a row follow each other within a round, and the next round begins with another.",
    "CPU is that of all threads of the process: garbage collection and compilation run beside the program.",
    "An operation is a round trip, a value, or a select with its refill. In …Tight what need not wait is not awaited. @thi.ng/csp and effect have no unbuffered channel; theirs hold one value.",
    processes.goVersion ?? "Go was not measured: it is not installed.",
  ];
  if (processes.peersAbsence !== undefined)
    notes.push(`The other libraries were not measured: ${processes.peersAbsence}.`);
  return {
    gates: bench.options.isPeerOnly ? [] : judgeChannels(rows),
    tables: [operationTable(rows), parkedTable(rows)],
    notes,
    data: rows,
  };
}

function operationTable(rows: readonly ChannelRow[]): Table {
  return {
    title: "Channels, ns an operation (medians)",
    columns: ["work", "contender", "ns", "CPU ns"],
    rows: rows
      .filter(({ work }) => work !== parkedWork)
      .map((row) => [
        row.work,
        row.contender,
        shown(rows, row, "nsPerOperation"),
        shown(rows, row, "cpuNsPerOperation"),
      ]),
  };
}

function parkedTable(rows: readonly ChannelRow[]): Table {
  return {
    title: `${parkedCount.toLocaleString("en-US")} goroutines that wait at one channel (medians)`,
    columns: ["contender", "bytes each", "ms to start", "CPU ms"],
    rows: rows
      .filter(({ work }) => work === parkedWork)
      .map((row) => [row.contender, ...["bytesPerTask", "startMs", "cpuMs"].map((name) => shown(rows, row, name))]),
  };
}

function shown(rows: readonly ChannelRow[], row: ChannelRow, name: string): string {
  const value = medianOf(rows, row.contender, row.work, name);
  return value === undefined ? "failed" : figure(value);
}
