import { setTimeout as sleep } from "node:timers/promises";
import { type ClientStream, Node } from "coterie/cluster";
import { commandTable } from "coterie/keyspace";
import { createNodePlatform, type Logger } from "coterie/platform";
import { Arguments, ErrorReply } from "coterie/resp";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import { median, percentile } from "../statistics.ts";
import type { Bench, Suite } from "../suite.ts";

const keyCount = 1_000_000;
const valueBytes = 64;
const clientCount = 50;
const fillClientCount = 2_000;
/** What follows right behind a snapshot (the log is cut, segments are freed) belongs to neither window. */
const settleMs = 1_000;
/** A shorter stretch between two snapshots has no p99. */
const windowWritesMin = 1_000;
const ratioMax = 3;

const layouts = [
  { name: "all keys spread", keyOf: (number: number) => `key:${String(number).padStart(12, "0")}` },
  { name: "all keys under one hash tag", keyOf: (number: number) => `{t}:${String(number).padStart(12, "0")}` },
] as const;
type Layout = (typeof layouts)[number];

/** Of the writes of one stretch of time; milliseconds. */
interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  readonly writes: number;
  readonly writesPerSecond: number;
}

/** A window without a snapshot, and the one with one right behind it: what else the machine does changes from one to the next. */
interface WindowPair {
  readonly plain: Latencies;
  readonly during: Latencies;
  readonly snapshotMs: number;
}

interface LayoutFigures {
  readonly layout: string;
  readonly pairs: readonly WindowPair[];
}

export const snapshotNodeSuite: Suite = {
  name: "snapshot-node",
  summary: "p99 of durable writes of 50 clients to a node, while it makes snapshots of 1 million keys and in between",
  run: async (bench) => {
    const figures: LayoutFigures[] = [];
    for (const layout of layouts) figures.push(await measureLayout(layout, bench));
    return report(figures);
  },
};

async function measureLayout(layout: Layout, bench: Bench): Promise<LayoutFigures> {
  const made: { readonly startMs: number; readonly endMs: number }[] = [];
  const logger: Logger = {
    log: (_level, event, fields) => {
      const endMs = performance.now();
      if (event === "snapshot") made.push({ startMs: endMs - Number(fields?.durationMs), endMs });
    },
  };
  const directory = `${bench.premises.directory}/snapshot-node-${layouts.indexOf(layout)}`;
  const node = await Node.start({ platform: createNodePlatform(), logger, directory, name: "n1" });
  try {
    bench.progress(`snapshot-node: ${layout.name}, filling`);
    await fill(node, layout);
    const load = new WriteLoad(node, layout);
    const { rounds } = bench.options;
    // The first one takes in the filling.
    const wanted = made.length + 1 + rounds;
    while (made.length < wanted) {
      await sleep(100);
      if (load.error !== undefined) throw new Error(`a write was refused: ${load.error}`);
    }
    await load.stop();
    const measured = made.slice(-rounds);
    const pairs = measured
      .map(({ startMs, endMs }, at) => ({
        plain: load.latencies((made.at(at - rounds - 1)?.endMs ?? 0) + settleMs, startMs),
        during: load.latencies(startMs, endMs),
        snapshotMs: endMs - startMs,
      }))
      .filter(({ plain, during }) => Math.min(plain.writes, during.writes) >= windowWritesMin);
    if (pairs.length === 0) throw new Error("the windows are too short: more rounds are needed");
    return { layout: layout.name, pairs };
  } finally {
    await node.close();
  }
}

/** Writes every key once. */
function fill(node: Node, layout: Layout): Promise<void> {
  return new Promise((resolve, reject) => {
    let next = 0;
    let written = 0;
    for (let client = 0; client < Math.min(fillClientCount, keyCount); client++) {
      const writer = new Writer(node, (refusal) => {
        if (refusal !== undefined) reject(new Error(`a write was refused: ${refusal}`));
        else if (++written === keyCount) resolve();
        else if (next < keyCount) writer.write(layout.keyOf(next++), "");
        else writer.close();
      });
      writer.write(layout.keyOf(next++), "");
    }
  });
}

/** Clients that each write to a random key as soon as their last write was acknowledged. */
class WriteLoad {
  /** The first refusal. */
  error: string | undefined;
  readonly #layout: Layout;
  readonly #writers: Writer[] = [];
  /** By write: when it was acknowledged, and how long that took. */
  readonly #acknowledgedMs: number[] = [];
  readonly #tookMs: number[] = [];
  #state = 1;
  #isStopped = false;

  constructor(node: Node, layout: Layout) {
    this.#layout = layout;
    for (let client = 0; client < clientCount; client++) {
      const writer = new Writer(node, (refusal, sentMs) => {
        const nowMs = performance.now();
        this.#acknowledgedMs.push(nowMs);
        this.#tookMs.push(nowMs - sentMs);
        this.error ??= refusal;
        this.#write(writer);
      });
      this.#writers.push(writer);
      this.#write(writer);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await sleep(settleMs);
    for (const writer of this.#writers) writer.close();
  }

  /** Of the writes that were acknowledged from one time to another. */
  latencies(fromMs: number, untilMs: number): Latencies {
    const took = this.#tookMs.filter(
      (_, at) => this.#acknowledgedMs[at]! >= fromMs && this.#acknowledgedMs[at]! < untilMs,
    );
    const writes = took.length;
    if (writes === 0) return { p50: 0, p99: 0, longest: 0, writes, writesPerSecond: 0 };
    return {
      p50: percentile(took, 0.5),
      p99: percentile(took, 0.99),
      longest: percentile(took, 1),
      writes,
      writesPerSecond: (writes * 1_000) / (untilMs - fromMs),
    };
  }

  #write(writer: Writer): void {
    if (this.#isStopped) return;
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    writer.write(this.#layout.keyOf((this.#state >> 7) % keyCount), String(this.#state));
  }
}

/** One client, with one write under way at a time. */
class Writer {
  readonly #stream: ClientStream;
  #sentMs = 0;

  /** `answered` is told why a write was refused, and comes in a turn of its own, as bytes from a socket would. */
  constructor(node: Node, answered: (refusal: string | undefined, sentMs: number) => void) {
    this.#stream = node.openStream({
      reply: (_, reply) => {
        setImmediate(() => answered(reply instanceof ErrorReply ? reply.text : undefined, this.#sentMs));
      },
      fail: (reason) => answered(reason, this.#sentMs),
    });
  }

  write(key: string, value: string): void {
    const args = Arguments.of(["SET", key, value.padEnd(valueBytes, "x")]);
    this.#sentMs = performance.now();
    this.#stream.submit(1, commandTable.resolve(args)!, args, 3);
  }

  close(): void {
    this.#stream.close();
  }
}

function report(figures: readonly LayoutFigures[]): SuiteReport {
  const row = (name: string, windows: readonly Latencies[], snapshotMs: readonly number[]): string[] => [
    name,
    figure(median(windows.map((each) => each.writesPerSecond))),
    figure(median(windows.map((each) => each.p50))),
    figure(median(windows.map((each) => each.p99))),
    figure(median(windows.map((each) => each.longest))),
    snapshotMs.length === 0 ? "" : figure(median(snapshotMs)),
  ];
  return {
    gates: figures.map(judge),
    tables: [
      {
        title: "Durable writes of a node while it makes snapshots",
        columns: ["window", "writes/s", "p50 ms", "p99 ms", "longest ms", "snapshot took ms"],
        rows: figures.flatMap(({ layout, pairs }) => [
          row(
            `${layout}, in between`,
            pairs.map(({ plain }) => plain),
            [],
          ),
          row(
            `${layout}, snapshot under way`,
            pairs.map(({ during }) => during),
            pairs.map(({ snapshotMs }) => snapshotMs),
          ),
        ]),
      },
    ],
    notes: [
      `One node in this process, ${keyCount.toLocaleString("en-US")} keys of 16 bytes with values of ${valueBytes}; ${clientCount} clients, each with one write under way; a write is acknowledged once it is on the disk.`,
      "The node makes its snapshots by itself whenever its log has grown by the last one's size; windows with and without one alternate, a figure is the median of its windows, and a ratio that of the pairs of neighbours.",
    ],
    data: figures,
  };
}

function judge({ layout, pairs }: LayoutFigures): Gate {
  const ratioOf = (figureOf: (window: Latencies) => number): number =>
    median(pairs.map(({ plain, during }) => figureOf(during) / figureOf(plain)));
  const ratio = ratioOf(({ p99 }) => p99);
  return {
    name: `a node's snapshot under way, ${layout}`,
    against: "without one",
    measure: "p99 of a durable write",
    promise: `≤ ${ratioMax} ×`,
    measured: ratio,
    shown: `${ratio.toFixed(2)} ×`,
    verdict: ratio <= ratioMax ? "pass" : "MISS",
    beside: `p50 ${ratioOf(({ p50 }) => p50).toFixed(2)} ×, ${pairs.length} pairs`,
  };
}
