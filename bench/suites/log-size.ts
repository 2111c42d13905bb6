import { runLoad } from "../load/run-load.ts";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import type { Bench, Suite } from "../suite.ts";
import { type CoterieSystem, startCoterie } from "../systems/coterie.ts";
import { directoryBytes } from "../systems/directory-size.ts";

const keyCount = 1_000;
const sampleMs = 200;
const rowCount = 10;
const mebibyte = 1_048_576;
/** The largest size of the second half beside that of the first, which begins with nothing. */
const growthMax = 1.1;

/** Overwrites through pipelined connections to a cluster of so many nodes. */
interface Course {
  readonly nodeCount: 1 | 3;
  readonly writes: number;
}

/** The size of the largest data directory of all nodes, after so many writes. */
interface Sample {
  readonly writes: number;
  readonly bytes: number;
}

interface CourseFigures extends Course {
  readonly samples: readonly Sample[];
  readonly seconds: number;
}

export const logSizeSuite: Suite = {
  name: "log-size",
  summary: "a data directory's size over ten million overwrites of 1,000 keys and more; quick: a tenth",
  run: async (bench) => {
    const share = bench.options.isQuick ? 0.1 : 1;
    const courses: readonly Course[] = [
      { nodeCount: 1, writes: 10_000_000 * share },
      // Their first half must be long enough to see a fourth file, as now and then there is.
      { nodeCount: 3, writes: 20_000_000 * share },
    ];
    const figures: CourseFigures[] = [];
    for (const course of courses) figures.push(await run(course, bench));
    return report(figures, bench.options.isQuick);
  },
};

async function run(course: Course, bench: Bench): Promise<CourseFigures> {
  const coterie = await startCoterie(bench.premises, course.nodeCount);
  const looks: { readonly atMs: number; readonly bytes: number }[] = [];
  const look = (): void => {
    const bytes = Math.max(...coterie.nodes.map(({ directory }) => directoryBytes(directory)));
    looks.push({ atMs: performance.now(), bytes });
  };
  const samples: Sample[] = [];
  const begunMs = performance.now();
  const timer = setInterval(look, sampleMs);
  let written = 0;
  try {
    while (written < course.writes) {
      const loadBegunMs = performance.now();
      const operations = await load(coterie, bench);
      look();
      const writesPerMs = operations / (performance.now() - loadBegunMs);
      for (const { atMs, bytes } of looks.splice(0))
        samples.push({ writes: written + writesPerMs * Math.max(0, atMs - loadBegunMs), bytes });
      written += operations;
      const shown = `${figure(written)} of ${figure(course.writes)} writes, ${mebibytes(samples.at(-1)?.bytes ?? 0)} MiB`;
      bench.progress(`log-size: ${nodes(course)}, ${shown}`);
    }
  } finally {
    clearInterval(timer);
    await coterie.stop();
  }
  return { ...course, writes: written, samples, seconds: (performance.now() - begunMs) / 1_000 };
}

async function load(coterie: CoterieSystem, bench: Bench): Promise<number> {
  const { operations } = await runLoad({
    protocol: "resp",
    operation: "set",
    targets: [await coterie.leader()],
    connections: 16,
    pipeline: 64,
    keyCount,
    warmUpMs: 0,
    measureMs: bench.options.measureMs,
  });
  return operations;
}

/** The largest size within each tenth of the course. */
function largestByPart({ samples, writes }: CourseFigures): readonly number[] {
  return Array.from({ length: rowCount }, (_, part) => {
    const from = (writes * part) / rowCount;
    const until = (writes * (part + 1)) / rowCount;
    const within = samples.filter((each) => each.writes >= from && each.writes <= until);
    return Math.max(0, ...within.map(({ bytes }) => bytes));
  });
}

function report(figures: readonly CourseFigures[], isQuick: boolean): SuiteReport {
  return {
    gates: isQuick ? [] : figures.map(judge),
    tables: figures.map((course) => ({
      title: `Data directory over ${figure(course.writes)} overwrites of ${keyCount} keys, ${nodes(course)}, ${course.seconds.toFixed(0)} s`,
      columns: ["writes up to", "largest MiB"],
      rows: largestByPart(course).map((bytes, part) => [
        figure((course.writes * (part + 1)) / rowCount),
        mebibytes(bytes),
      ]),
    })),
    notes: [
      "Keys of 16 bytes, values of 64, settings as they come; sizes are what the files take on the disk, the largest directory of all nodes, looked at five times a second.",
    ],
    data: figures,
  };
}

function judge(course: CourseFigures): Gate {
  const parts = largestByPart(course);
  const [first, second] = [parts.slice(0, rowCount / 2), parts.slice(rowCount / 2)].map((half) =>
    Math.max(...half),
  ) as [number, number];
  const growth = second / first;
  return {
    name: `data directory, ${nodes(course)}`,
    against: "the first half of the writes",
    measure: "largest size in the second half",
    promise: `≤ ${growthMax} ×`,
    measured: growth,
    shown: `${growth.toFixed(2)} ×`,
    verdict: growth <= growthMax ? "pass" : "MISS",
    beside: `${mebibytes(second)} beside ${mebibytes(first)} MiB`,
  };
}

function nodes({ nodeCount }: Course): string {
  return nodeCount === 1 ? "one node" : `${nodeCount} nodes`;
}

function mebibytes(bytes: number): string {
  return figure(bytes / mebibyte);
}
