import { setTimeout as sleep } from "node:timers/promises";
import { nodeDefaults } from "coterie/cluster";
import { residentBytes } from "../load/process-cpu.ts";
import { runLoad } from "../load/run-load.ts";
import { figure, type Gate, type SuiteReport } from "../report.ts";
import type { Bench, Suite } from "../suite.ts";
import { ask, askInfo } from "../systems/ask.ts";
import { type CoterieSystem, startCoterie } from "../systems/coterie.ts";
import { startVolatileRedis } from "../systems/redis.ts";
import { waitUntil } from "../systems/wait-until.ts";
import { absenceOf } from "./contenders.ts";

const keyCount = 1_000_000;
const ratioMax = 1.3;

/** One process before and after it holds all keys. */
interface MemoryFigure {
  readonly store: string;
  readonly emptyBytes: number;
  readonly loadedBytes: number;
  readonly bytesPerKey: number;
}

export const memorySuite: Suite = {
  name: "memory",
  summary: "memory a key at 1 million keys, on a follower, beside redis-server",
  run: async (bench) => {
    const figures: MemoryFigure[] = [];
    const notes = [
      "A key is 16 bytes and its value 64; memory a key is (resident size loaded - empty) / keys, each once it has settled.",
      `What Coterie's log keeps in memory is in it: on a follower at most ${1.25 * (nodeDefaults.logCacheBytes / 2 ** 20)} MiB (a quarter of logCacheBytes for new entries, all of it for those read back).`,
    ];
    const absence = absenceOf("redisVolatile");
    if (absence === undefined) figures.push(await measureRedis(bench));
    else notes.push(`Redis was not measured: ${absence}.`);
    const redis = figures[0];
    const followers = bench.options.isPeerOnly ? [] : await measureCoterie(bench);
    figures.push(...followers);
    return report(redis, followers, figures, notes);
  },
};

function report(
  redis: MemoryFigure | undefined,
  followers: readonly MemoryFigure[],
  figures: readonly MemoryFigure[],
  notes: readonly string[],
): SuiteReport {
  return {
    gates: followers.length === 0 ? [] : [judge(redis, followers)],
    tables: [
      {
        title: `Memory at ${keyCount.toLocaleString("en-US")} keys`,
        columns: ["process", "empty MiB", "loaded MiB", "bytes a key"],
        rows: figures.map((each) => [
          each.store,
          figure(each.emptyBytes / 2 ** 20),
          figure(each.loadedBytes / 2 ** 20),
          figure(each.bytesPerKey),
        ]),
      },
    ],
    notes,
    data: figures,
  };
}

/** The follower that needs more memory counts. */
function judge(redis: MemoryFigure | undefined, followers: readonly MemoryFigure[]): Gate {
  const own = Math.max(...followers.map((each) => each.bytesPerKey));
  const head = {
    name: "memory a key at 1 million keys",
    against: "Redis",
    measure: "bytes on a follower",
    promise: `≤ ${ratioMax} ×`,
  };
  if (redis === undefined) return { ...head, measured: undefined, shown: "", verdict: "skipped", beside: "no Redis" };
  const ratio = own / redis.bytesPerKey;
  return {
    ...head,
    measured: ratio,
    shown: `${ratio.toFixed(2)} ×`,
    verdict: ratio <= ratioMax ? "pass" : "MISS",
    beside: `${figure(own)} beside ${figure(redis.bytesPerKey)} bytes`,
  };
}

async function measureRedis(bench: Bench): Promise<MemoryFigure> {
  bench.progress("memory: Redis");
  const redis = await startVolatileRedis(bench.premises);
  const target = await redis.leader();
  const emptyBytes = await settledBytes(redis.pids[0]!);
  await fill(target.port);
  const count = await ask(target.port, ["DBSIZE"]);
  if (count !== keyCount) throw new Error(`Redis holds ${String(count)} keys instead of ${keyCount}`);
  const loadedBytes = await settledBytes(redis.pids[0]!);
  await redis.stop();
  return figureOf("Redis", emptyBytes, loadedBytes);
}

async function measureCoterie(bench: Bench): Promise<MemoryFigure[]> {
  bench.progress("memory: Coterie");
  const coterie = await startCoterie(bench.premises);
  const leader = await coterie.leaderNode();
  const followers = coterie.nodes.filter((node) => node !== leader);
  const empty = new Map<string, number>();
  for (const node of followers) empty.set(node.name, await settledBytes(node.pid));
  await fill(leader.target.port);
  const count = await ask(leader.target.port, ["DBSIZE"]);
  if (count !== keyCount) throw new Error(`Coterie holds ${String(count)} keys instead of ${keyCount}`);
  await untilApplied(coterie);
  const figures: MemoryFigure[] = [];
  for (const node of followers) {
    figures.push(figureOf(`Coterie, ${node.name}`, empty.get(node.name)!, await settledBytes(node.pid)));
  }
  await coterie.stop();
  return figures;
}

/** Waits until every node has applied what the leader has committed. */
export async function untilApplied(coterie: CoterieSystem): Promise<void> {
  const leader = await coterie.leaderNode();
  const committed = Number((await askInfo(leader.target.port, "raft")).get("raft_commit_index"));
  for (const node of coterie.nodes) {
    await waitUntil(`${node.name} to apply entry ${committed}`, async () => {
      const applied = Number((await askInfo(node.target.port, "raft")).get("raft_applied_index"));
      return applied >= committed;
    });
  }
}

async function fill(port: number): Promise<void> {
  await runLoad({
    protocol: "resp",
    operation: "fill",
    targets: [{ host: "127.0.0.1", port }],
    connections: 8,
    pipeline: 100,
    keyCount,
  });
}

const settledShare = 0.005;
const settleSecondsMax = 30;

/** The resident size once it has moved by less than half a per cent for three seconds, or after half a minute. */
async function settledBytes(pid: number): Promise<number> {
  const samples = [residentBytes(pid)];
  for (let second = 0; second < settleSecondsMax; second++) {
    await sleep(1_000);
    samples.push(residentBytes(pid));
    const recent = samples.slice(-4);
    if (recent.length === 4 && Math.max(...recent) - Math.min(...recent) <= settledShare * Math.max(...recent)) break;
  }
  return samples.at(-1)!;
}

function figureOf(store: string, emptyBytes: number, loadedBytes: number): MemoryFigure {
  return { store, emptyBytes, loadedBytes, bytesPerKey: (loadedBytes - emptyBytes) / keyCount };
}
