import type { LoadResult } from "../load/job.ts";
import { runLoad } from "../load/run-load.ts";
import { median } from "../statistics.ts";
import type { Bench } from "../suite.ts";
import type { System } from "../systems/system.ts";
import { absenceOf, type ContenderName, contenders, type SystemName, startFilled } from "./contenders.ts";

/** One row of load, put on several contenders in turn. */
export interface LoadCase {
  readonly operation: "set" | "get";
  readonly clients: number;
  readonly pipeline: number;
  readonly contenders: readonly ContenderName[];
}

/** The medians over all rounds of one contender in one case. */
export interface Measurement {
  readonly case: LoadCase;
  readonly contender: ContenderName;
  readonly rounds: readonly LoadResult[];
  /** Why a round has no result. One failure spoils the row. */
  readonly failure: string | undefined;
  median(figure: (result: LoadResult) => number): number;
}

/** Why a system has no figures. */
export interface Absence {
  readonly why: string;
  /** It was there but did not work. */
  readonly isFailure: boolean;
}

export interface Measurements {
  readonly all: readonly Measurement[];
  readonly absences: ReadonlyMap<SystemName, Absence>;
  find(operation: "set" | "get", clients: number, pipeline: number, contender: ContenderName): Measurement | undefined;
}

/**
 * Measures every case with every contender in `rounds` interleaved rounds (A B C, then B C A, …), all systems running all
 * the time, so that whatever else the machine does meets all alike.
 */
export async function measureRounds(bench: Bench, cases: readonly LoadCase[]): Promise<Measurements> {
  const names = [...new Set(cases.flatMap((each) => each.contenders.map((name) => contenders[name].system)))];
  const { systems, absences } = await startAll(bench, names);
  const results = new Map<string, { rounds: LoadResult[]; failure: string | undefined }>();
  try {
    for (let round = 0; round < bench.options.rounds; round++) {
      for (const each of cases) {
        const present = each.contenders.filter((name) => systems.has(contenders[name].system));
        for (let turn = 0; turn < present.length; turn++) {
          const name = present[(turn + round) % present.length]!;
          const key = keyOf(each.operation, each.clients, each.pipeline, name);
          const soFar = results.get(key) ?? { rounds: [], failure: undefined };
          results.set(key, soFar);
          bench.progress(`round ${round + 1} of ${bench.options.rounds}: ${caseName(each)}, ${contenders[name].label}`);
          try {
            soFar.rounds.push(await measure(bench, each, name, systems.get(contenders[name].system)!));
          } catch (error) {
            soFar.failure ??= messageOf(error);
          }
        }
      }
    }
  } finally {
    await Promise.all([...systems.values()].map((system) => system.stop()));
  }
  return collect(cases, results, absences);
}

export function caseName(each: Pick<LoadCase, "operation" | "clients" | "pipeline">): string {
  return `${each.operation.toUpperCase()}, ${each.clients} connections, pipeline ${each.pipeline}`;
}

async function startAll(
  bench: Bench,
  names: readonly SystemName[],
): Promise<{ systems: Map<SystemName, System>; absences: Map<SystemName, Absence> }> {
  const systems = new Map<SystemName, System>();
  const absences = new Map<SystemName, Absence>();
  for (const name of names) {
    if (name === "coterie" && bench.options.isPeerOnly) {
      absences.set(name, { why: "--peer-only", isFailure: false });
      continue;
    }
    const absence = absenceOf(name);
    if (absence !== undefined) {
      absences.set(name, { why: absence, isFailure: false });
      continue;
    }
    bench.progress(`starting and filling: ${name}`);
    try {
      systems.set(name, await startFilled(name, bench.premises));
    } catch (error) {
      absences.set(name, { why: messageOf(error), isFailure: true });
    }
  }
  return { systems, absences };
}

async function measure(bench: Bench, each: LoadCase, name: ContenderName, system: System): Promise<LoadResult> {
  const leaderBefore = await system.leader();
  const request = await contenders[name].request(system, each.clients);
  const result = await runLoad({
    ...request,
    operation: each.operation,
    pipeline: each.pipeline,
    warmUpMs: bench.options.warmUpMs,
    measureMs: bench.options.measureMs,
    serverPids: system.pids,
  });
  const leaderAfter = await system.leader();
  if (leaderBefore.port !== leaderAfter.port) throw new Error("the leader changed during the measurement");
  return result;
}

function collect(
  cases: readonly LoadCase[],
  results: ReadonlyMap<string, { rounds: LoadResult[]; failure: string | undefined }>,
  absences: ReadonlyMap<SystemName, Absence>,
): Measurements {
  const byKey = new Map<string, Measurement>();
  for (const each of cases) {
    for (const contender of each.contenders) {
      const key = keyOf(each.operation, each.clients, each.pipeline, contender);
      const result = results.get(key);
      if (result === undefined) continue;
      byKey.set(key, {
        case: each,
        contender,
        rounds: result.rounds,
        failure: result.failure,
        median: (pick) => median(result.rounds.map(pick)),
      });
    }
  }
  return {
    all: [...byKey.values()],
    absences,
    find: (operation, clients, pipeline, contender) => byKey.get(keyOf(operation, clients, pipeline, contender)),
  };
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().replaceAll(/\s*\n\s*/g, " | ");
}

function keyOf(operation: string, clients: number, pipeline: number, contender: ContenderName): string {
  return `${operation} ${clients} ${pipeline} ${contender}`;
}
