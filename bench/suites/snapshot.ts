import { commandTable, EntryReader, EntryWriter, Keyspace, KeyspaceLoader } from "coterie/keyspace";
import { Arguments } from "coterie/resp";
import { figure, type Gate, type SuiteReport, type Table } from "../report.ts";
import { median, percentile } from "../statistics.ts";
import type { Bench, Suite } from "../suite.ts";

const keyCount = 1_000_000;
const valueBytes = 64;
/** Writes in an entry: those of as many clients. A snapshot goes on by one chunk after each entry. */
const writesPerEntry = 50;
/** In a window without a snapshot: about as many as a snapshot of a million keys has chunks. */
const entriesPerPlainWindow = 1_300;
const ratioMax = 3;
const timeMs = 1_700_000_000_000;

interface Layout {
  readonly name: string;
  keyOf(number: number): string;
}

const layouts: readonly Layout[] = [
  { name: "all keys spread", keyOf: (number) => `key:${String(number).padStart(12, "0")}` },
  { name: "all keys under one hash tag", keyOf: (number) => `{t}:${String(number).padStart(12, "0")}` },
];

/** Microseconds; of a write: what its entry took, divided by the entry's writes. */
interface Window {
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
}

interface SnapshotWindow extends Window {
  readonly slice: Window;
  readonly heldMiBMax: number;
  readonly totalMs: number;
}

interface LayoutFigures {
  readonly layout: string;
  readonly plain: readonly Window[];
  readonly during: readonly SnapshotWindow[];
  readonly loadMs: number;
}

export const snapshotSuite: Suite = {
  name: "snapshot",
  summary: "time per write with and without a snapshot of 1 million keys under way, in this process",
  run: (bench) => Promise.resolve(report(layouts.map((layout) => measureLayout(layout, bench)))),
};

function measureLayout(layout: Layout, bench: Bench): LayoutFigures {
  bench.progress(`snapshot: ${layout.name}, filling`);
  const load = new WriteLoad(layout);
  load.fill();
  load.plainWindow();
  const plain: Window[] = [];
  const during: SnapshotWindow[] = [];
  for (let round = 1; round <= bench.options.rounds; round++) {
    bench.progress(`snapshot: ${layout.name}, round ${round} of ${bench.options.rounds}`);
    // The order alternates, so that what drifts with time favours neither.
    if (round % 2 === 0) during.push(load.snapshotWindow());
    plain.push(load.plainWindow());
    if (round % 2 !== 0) during.push(load.snapshotWindow());
  }
  return { layout: layout.name, plain, during, loadMs: load.timeToLoad() };
}

/** Applies entries of writes to random keys, and takes their times. */
class WriteLoad {
  readonly #layout: Layout;
  readonly #keyspace = new Keyspace();
  readonly #writer = new EntryWriter();
  readonly #reader = new EntryReader();
  readonly #args = new Arguments();
  #state = 1;
  #index = 0;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  fill(): void {
    for (let done = 0; done < keyCount; done += writesPerEntry) this.#apply((at) => done + at);
  }

  plainWindow(): Window {
    const times: number[] = [];
    for (let count = 0; count < entriesPerPlainWindow; count++) times.push(this.#apply(() => this.#random()));
    return windowOf(times);
  }

  snapshotWindow(): SnapshotWindow {
    const times: number[] = [];
    const slices: number[] = [];
    let heldBytesMax = 0;
    const startedMs = performance.now();
    const snapshot = this.#keyspace.beginSnapshot({ heldBytesMax: Number.POSITIVE_INFINITY });
    for (;;) {
      const startMs = performance.now();
      const chunk = snapshot.next();
      slices.push((performance.now() - startMs) * 1_000);
      if (chunk === undefined) break;
      times.push(this.#apply(() => this.#random()));
      heldBytesMax = Math.max(heldBytesMax, snapshot.heldBytes);
    }
    snapshot.close();
    const totalMs = performance.now() - startedMs;
    return { ...windowOf(times), slice: windowOf(slices), heldMiBMax: heldBytesMax / 2 ** 20, totalMs };
  }

  /** How long it takes to make a keyspace from a snapshot in memory. */
  timeToLoad(): number {
    const chunks: Uint8Array[] = [];
    const snapshot = this.#keyspace.beginSnapshot({ heldBytesMax: 0 });
    for (let chunk = snapshot.next(); chunk !== undefined; chunk = snapshot.next()) chunks.push(chunk);
    const startMs = performance.now();
    const loader = new KeyspaceLoader();
    for (const chunk of chunks) loader.feed(chunk);
    const loaded = loader.finish();
    const ms = performance.now() - startMs;
    if (loaded.keyCount !== keyCount) throw new Error(`${loaded.keyCount} keys were loaded instead of ${keyCount}`);
    return ms;
  }

  /** Microseconds that applying an entry took, for one of its writes. */
  #apply(numberOf: (at: number) => number): number {
    this.#index++;
    this.#writer.begin();
    for (let at = 0; at < writesPerEntry; at++) {
      const value = String(this.#index).padEnd(valueBytes, "x");
      this.#writer.add(Arguments.of(["SET", this.#layout.keyOf(numberOf(at)), value]));
    }
    const entry = this.#writer.finish({ timeMs, seedLow: 1, seedHigh: 1 });
    const startMs = performance.now();
    this.#reader.open(entry);
    this.#keyspace.beginEntry(this.#index, this.#reader);
    while (this.#reader.next(this.#args)) {
      const spec = commandTable.resolve(this.#args);
      if (spec === undefined) throw new Error("SET is not a command");
      this.#keyspace.execute(spec, this.#args);
    }
    this.#keyspace.endEntry();
    return ((performance.now() - startMs) * 1_000) / writesPerEntry;
  }

  #random(): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (this.#state >> 7) % keyCount;
  }
}

function windowOf(times: readonly number[]): Window {
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99), longest: percentile(times, 1) };
}

function report(figures: readonly LayoutFigures[]): SuiteReport {
  return {
    gates: figures.map(judge),
    tables: [writeTable(figures), sliceTable(figures)],
    notes: [
      `One process; ${keyCount.toLocaleString("en-US")} keys of 16 bytes with values of ${valueBytes}; entries of ${writesPerEntry} writes to random keys; a chunk of 64 KiB after each.`,
      "Windows with and without a snapshot alternate; a figure is the median of its windows.",
      "The time of a write is that of applying it. What a client sees also waits for the slice that is under way, the disk and the network.",
    ],
    data: figures,
  };
}

function judge({ layout, plain, during }: LayoutFigures): Gate {
  const p99 = median(plain.map((each) => each.p99));
  const p99During = median(during.map((each) => each.p99));
  const ratio = p99During / p99;
  return {
    name: `a snapshot under way, ${layout}`,
    against: "without one",
    measure: "p99 of a write",
    promise: `≤ ${ratioMax} ×`,
    measured: ratio,
    shown: `${ratio.toFixed(2)} ×`,
    verdict: ratio <= ratioMax ? "pass" : "MISS",
    beside: `${figure(p99During)} beside ${figure(p99)} µs`,
  };
}

function writeTable(figures: readonly LayoutFigures[]): Table {
  const row = (name: string, windows: readonly Window[]): string[] => [
    name,
    figure(median(windows.map((each) => each.p50))),
    figure(median(windows.map((each) => each.p99))),
    figure(median(windows.map((each) => each.longest))),
  ];
  return {
    title: "Time of a write in its entry, µs",
    columns: ["window", "p50", "p99", "longest"],
    rows: figures.flatMap(({ layout, plain, during }) => [
      row(`${layout}, no snapshot`, plain),
      row(`${layout}, snapshot under way`, during),
    ]),
  };
}

function sliceTable(figures: readonly LayoutFigures[]): Table {
  const over = (during: readonly SnapshotWindow[], pick: (window: SnapshotWindow) => number): string =>
    figure(median(during.map(pick)));
  return {
    title: "The snapshot",
    columns: [
      "keys",
      "slice p50 µs",
      "slice p99 µs",
      "longest µs",
      "held MiB",
      "made in ms, with writes",
      "loaded in ms",
    ],
    rows: figures.map(({ layout, during, loadMs }) => [
      layout,
      over(during, (each) => each.slice.p50),
      over(during, (each) => each.slice.p99),
      over(during, (each) => each.slice.longest),
      over(during, (each) => each.heldMiBMax),
      over(during, (each) => each.totalMs),
      figure(loadMs),
    ]),
  };
}
