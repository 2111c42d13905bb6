import { cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Node } from "coterie/cluster";
import { commandTable } from "coterie/keyspace";
import { createNodePlatform, silentLogger } from "coterie/platform";
import { Arguments, ErrorReply } from "coterie/resp";
import { isInstalled } from "../conditions.ts";
import { runLoad } from "../load/run-load.ts";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import { median } from "../statistics.ts";
import type { Bench, Suite } from "../suite.ts";
import { ask } from "../systems/ask.ts";
import { repositoryRoot } from "../systems/coterie.ts";
import { freePort, freePortBase } from "../systems/ports.ts";
import { waitUntil } from "../systems/wait-until.ts";

const keyCount = 1_000_000;
const valueBytes = 64;
const writersMax = 2_000;
/** Keys of Redis whose names are ours, behind those that the load generator writes. */
const knownCount = 100;
const ratioMax = 2;
const snapshotShareMin = 0.8;
const pollMs = 2;
const serveMsMax = 120_000;
const command = join(repositoryRoot, "bin", "coterie");

/** Something with a million keys on the disk that can be started. */
interface Contender {
  readonly name: string;
  /** Starts it, and gives the milliseconds until it answered with a value. */
  restart(): Promise<number>;
}

interface RestartFigures {
  readonly name: string;
  readonly ms: readonly number[];
}

export const restartSuite: Suite = {
  name: "restart",
  summary:
    "how long a node with 1 million keys takes from its start until it serves, beside Redis with its append-only file",
  run: async (bench) => {
    const contenders: Contender[] = [];
    const notes: string[] = [
      `${keyCount.toLocaleString("en-US")} keys of 16 bytes with values of ${valueBytes}; from the start of the process until it answers a GET with its value. One node, one Redis with an append-only file that was never rewritten; the files are in the system's cache.`,
    ];
    if (isInstalled("redis-server")) contenders.push(await prepareRedis(bench));
    else notes.push("Redis was not measured: redis-server is not installed.");
    if (!bench.options.isPeerOnly) contenders.push(...(await prepareCoterie(bench)));
    const figures = contenders.map(({ name }) => ({ name, ms: [] as number[] }));
    for (let round = 1; round <= bench.options.rounds; round++) {
      for (const [at, contender] of contenders.entries()) {
        bench.progress(`restart: ${contender.name}, ${round} of ${bench.options.rounds}`);
        figures[at]!.ms.push(await contender.restart());
      }
    }
    return report(figures, notes);
  },
};

async function prepareRedis(bench: Bench): Promise<Contender> {
  const port = await freePort();
  const directory = join(bench.premises.directory, "restart-redis");
  mkdirSync(directory);
  const settings = { port, bind: "127.0.0.1", dir: directory, save: "", appendonly: "yes", appendfsync: "everysec" };
  const words = Object.entries({ ...settings, "auto-aof-rewrite-percentage": 0 }).flatMap(([name, value]) => [
    `--${name}`,
    String(value),
  ]);
  const restart = async (key: string | undefined): Promise<number> => {
    const startedMs = performance.now();
    const child = await bench.premises.children.start({
      name: "restart-redis",
      command: "redis-server",
      args: words,
      logDirectory: bench.premises.directory,
    });
    if (key === undefined) {
      await waitUntil("redis-server to answer", async () => (await ask(port, ["PING"])) === "PONG", { child });
      await fillRedis(port);
    } else {
      await untilServes(port, key);
    }
    const tookMs = performance.now() - startedMs;
    if ((await ask(port, ["DBSIZE"])) !== keyCount) throw new Error("Redis does not hold all keys");
    await bench.premises.children.stop(child, 30_000);
    return tookMs;
  };
  bench.progress("restart: filling Redis");
  await restart(undefined);
  return { name: "Redis, append-only file", restart: () => restart(keyOf(keyCount - 1)) };
}

async function fillRedis(port: number): Promise<void> {
  await runLoad({
    protocol: "resp",
    operation: "fill",
    targets: [{ host: "127.0.0.1", port }],
    connections: 8,
    pipeline: 100,
    keyCount: keyCount - knownCount,
    valueBytes,
  });
  const known = Array.from({ length: knownCount }, (_, at) => [keyOf(keyCount - 1 - at), "x".repeat(valueBytes)]);
  await ask(port, ["MSET", ...known.flat()]);
}

/** One node, with all entries in its log; and the same with a snapshot of them. */
async function prepareCoterie(bench: Bench): Promise<readonly Contender[]> {
  const logOnly = join(bench.premises.directory, "restart-log");
  const withSnapshot = join(bench.premises.directory, "restart-snapshot");
  bench.progress("restart: filling Coterie");
  await fillCoterie(logOnly);
  cpSync(logOnly, withSnapshot, { recursive: true });
  bench.progress("restart: making a snapshot");
  await makeSnapshot(withSnapshot);
  return [
    { name: "Coterie, log only", restart: () => restartCoterie(bench, logOnly) },
    { name: "Coterie, snapshot", restart: () => restartCoterie(bench, withSnapshot) },
  ];
}

async function fillCoterie(directory: string): Promise<void> {
  const settings = { snapshotLogBytesMin: Number.MAX_SAFE_INTEGER };
  const node = await Node.start({
    platform: createNodePlatform(),
    logger: silentLogger,
    directory,
    name: "n1",
    settings,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      let next = 0;
      let written = 0;
      for (let writer = 0; writer < writersMax; writer++) {
        const write = (): void => {
          const args = Arguments.of(["SET", keyOf(next++), "x".repeat(valueBytes)]);
          stream.submit(1, commandTable.resolve(args)!, args, 3);
        };
        const stream = node.openStream({
          reply: (_, reply) => {
            if (reply instanceof ErrorReply) reject(new Error(reply.text));
            if (++written === keyCount) resolve();
            else if (next < keyCount) setImmediate(write);
          },
          fail: (reason) => reject(new Error(reason)),
        });
        write();
      }
    });
  } finally {
    await node.close();
  }
}

/** A snapshot becomes due as the log is replayed, near its end. */
async function makeSnapshot(directory: string): Promise<void> {
  const settings = { snapshotLogBytesMin: keyCount * (valueBytes + 10) };
  const node = await Node.start({
    platform: createNodePlatform(),
    logger: silentLogger,
    directory,
    name: "n1",
    settings,
  });
  const endMs = performance.now() + serveMsMax;
  let share = 0;
  while (share === 0 && performance.now() < endMs) {
    await sleep(50);
    const group = node.nodeStatus().groups[0];
    share = (group?.snapshotIndex ?? 0) / (group?.lastIndex ?? 1);
  }
  await node.close();
  if (share < snapshotShareMin) throw new Error("the snapshot that was made holds too little");
}

/** Each time from a copy of the directory, since a node that serves goes on writing. */
async function restartCoterie(bench: Bench, directory: string): Promise<number> {
  const copy = `${directory}-copy`;
  rmSync(copy, { recursive: true, force: true });
  cpSync(directory, copy, { recursive: true });
  const port = await freePortBase([0, 100, 1_000, 10_000]);
  const startedMs = performance.now();
  const child = await bench.premises.children.start({
    name: "restart-coterie",
    command: process.execPath,
    args: [command, "start", "--dir", copy, "--name", "n1", "--port", String(port)],
    logDirectory: bench.premises.directory,
  });
  await untilServes(port, keyOf(keyCount - 1));
  const tookMs = performance.now() - startedMs;
  if ((await ask(port, ["DBSIZE"])) !== keyCount) throw new Error("Coterie does not hold all keys");
  await bench.premises.children.stop(child, 30_000);
  return tookMs;
}

/** Asks again until there is an answer that is a value. */
async function untilServes(port: number, key: string): Promise<void> {
  const endMs = performance.now() + serveMsMax;
  for (;;) {
    try {
      if (String(await ask(port, ["GET", key], serveMsMax)).length === valueBytes) return;
      throw new Error(`${key} is not there`);
    } catch (error) {
      // Not there yet, or not all of it.
      if (performance.now() > endMs) throw error;
    }
    await sleep(pollMs);
  }
}

function keyOf(number: number): string {
  return `key:${String(number).padStart(12, "0")}`;
}

function report(figures: readonly RestartFigures[], notes: readonly string[]): SuiteReport {
  const redis = figures.find(({ name }) => name.startsWith("Redis"));
  return {
    gates: figures.filter((each) => each !== redis).map((each) => judge(each, redis)),
    tables: [
      {
        title: `From the start of a process until it serves ${keyCount.toLocaleString("en-US")} keys (ms)`,
        columns: ["what", "median", "shortest", "longest", "times"],
        rows: figures.map(({ name, ms }) => [
          name,
          figure(median(ms)),
          figure(Math.min(...ms)),
          figure(Math.max(...ms)),
          String(ms.length),
        ]),
      },
    ],
    notes,
    data: figures,
  };
}

function judge({ name, ms }: RestartFigures, redis: RestartFigures | undefined): Gate {
  const head = {
    name: `restart, ${name}`,
    against: "Redis",
    measure: "time until it serves",
    promise: `≤ ${ratioMax} ×`,
  };
  if (redis === undefined) return { ...head, measured: undefined, shown: "", verdict: "skipped", beside: "no Redis" };
  const ratio = median(ms) / median(redis.ms);
  return {
    ...head,
    measured: ratio,
    shown: `${ratio.toFixed(2)} ×`,
    verdict: ratio <= ratioMax ? "pass" : "MISS",
    beside: `${figure(median(ms))} beside ${figure(median(redis.ms))} ms`,
  };
}
