import { expect, test } from "vitest";
import type { DirectoryRequest } from "../../directory/index.ts";
import {
  type DirectoryRecord,
  type DirectoryState,
  decideAll,
  genesis,
  progressOf,
  withRecords,
} from "../../directory/index.ts";
import { CoterieError } from "../../platform/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { Absences } from "./absences.ts";
import { type DirectorySeat, PlacementDriver } from "./placement-driver.ts";

class SlowError extends CoterieError {
  readonly code = "SLOW";
}

/** A directory, and a node that leads it, as far as the driver sees of them. */
class Bench {
  constructor(size = 3) {
    const names = Array.from({ length: size }, (_, at) => `n${at + 1}`);
    this.state = genesis({ names, shardCount: 8, replicas: 3 });
    this.world = new SimulatedWorld({ seed: 1 });
    this.machine = this.world.machine("n1");
    const { clock } = this.machine.start();
    this.driver = new PlacementDriver({
      clock,
      logger: { log: (level, event) => this.lines.push(`${level} ${event}`) },
      self: 1,
      seat: () => this.seat,
      heardMs: (id) => (this.away.has(id) ? undefined : clock.nowMs()),
      hearersOf: (id) => (this.vouchedFor.has(id) ? [2, 3] : []),
      state: () => this.state,
      change: (decide) => this.#change(decide),
    });
  }

  readonly world: SimulatedWorld;
  readonly machine: ReturnType<SimulatedWorld["machine"]>;
  readonly driver: PlacementDriver;
  readonly lines: string[] = [];
  readonly away: Set<number> = new Set();
  /** Those that are heard by others. */
  readonly vouchedFor: Set<number> = new Set();
  state: DirectoryState;
  seat: DirectorySeat | undefined = { term: 1, voters: [1, 2, 3], hasCaughtUp: () => true };
  /** What happens to a change after it was decided, and before it counts. */
  onWay: () => void | Promise<void> = () => {};
  changeCount = 0;
  decisionCount = 0;

  ask(...requests: readonly DirectoryRequest[]): void {
    const decided = decideAll(this.state, requests);
    for (const { refusal } of decided.refused) throw refusal;
    this.state = decided.state;
  }

  /** What is wished and not done. */
  get movesUnderWay(): number {
    return progressOf(this.state).underWay.length;
  }

  async #change(decide: (state: DirectoryState) => readonly DirectoryRecord[]): Promise<void> {
    this.changeCount += 1;
    for (;;) {
      const seen = this.state;
      const records = decide(seen);
      this.decisionCount += 1;
      if (records.length === 0) return;
      await this.onWay();
      if (this.state !== seen) continue;
      this.state = withRecords(seen, seen.epoch + 1, records);
      return;
    }
  }
}

const join: DirectoryRequest = { kind: "join", name: "n4", directoryId: "4".repeat(32) };

test("a node that joined gets active and its moves begin, as one change, with the reasons in the log", async () => {
  const bench = new Bench();
  bench.ask(join);
  await bench.world.run(1_100);
  expect(bench.state.nodes.at(-1)?.state).toBe("active");
  expect(bench.movesUnderWay).toBe(4);
  expect(bench.changeCount).toBe(1);
  expect(bench.lines.slice(0, 2)).toEqual([
    "info n4 holds the directory: it takes replicas from now on",
    "info shard 0 moves a replica from n1 to n4: a node that joined or grew gets its share",
  ]);
  await bench.world.run(10_000);
  expect(bench.changeCount).toBe(1);
});

test("who does not lead the directory, or has no majority, changes nothing [B-5]", async () => {
  const bench = new Bench();
  bench.seat = undefined;
  bench.ask(join);
  await bench.world.run(10_000);
  expect(bench.changeCount).toBe(0);
  expect([bench.driver.report, bench.driver.directoryWish]).toEqual([undefined, undefined]);
});

test("who loses the lead while a change is decided anew decides nothing any more [B-5]", async () => {
  for (const seat of [undefined, { term: 2, voters: [1, 2, 3], hasCaughtUp: () => true }]) {
    const bench = new Bench();
    bench.ask(join);
    bench.onWay = () => {
      bench.seat = seat;
      bench.ask({ kind: "set", replaceAfterMs: 60_000 });
    };
    await bench.world.run(350);
    expect([bench.changeCount, bench.decisionCount]).toEqual([1, 2]);
    expect(bench.state.nodes.at(-1)?.state).toBe("joining");
    expect(bench.lines).toEqual([]);
  }
});

test("a lost race is decided anew on the newer state", async () => {
  const bench = new Bench();
  bench.ask(join);
  bench.onWay = () => {
    bench.onWay = () => {};
    bench.ask({ kind: "set", movesPerNodeMax: 1 });
  };
  await bench.world.run(1_100);
  expect(bench.decisionCount).toBe(2);
  expect(bench.movesUnderWay).toBe(1);
});

test("while a change is on its way no other one begins; one that failed is made by a later look", async () => {
  const bench = new Bench();
  bench.ask(join);
  let fail = (): void => {};
  bench.onWay = () => new Promise((_, reject) => (fail = () => reject(new SlowError("No answer."))));
  await bench.world.run(5_000);
  expect(bench.changeCount).toBe(1);
  bench.onWay = () => {};
  fail();
  await bench.world.run(1_100);
  expect(bench.lines[0]).toBe("warn the directory took no change");
  expect([bench.changeCount, bench.movesUnderWay]).toEqual([2, 4]);
});

test("a node is replaced after it was away for replaceAfterMs, counted only while this node had a majority", async () => {
  const bench = new Bench(5);
  bench.ask({ kind: "set", replaceAfterMs: 60_000 });
  bench.away.add(5);
  await bench.world.run(40_000);
  const { seat } = bench;
  bench.seat = undefined;
  await bench.world.run(3_600_000);
  bench.seat = seat;
  await bench.world.run(15_000);
  expect(bench.changeCount).toBe(0);
  await bench.world.run(10_000);
  expect(bench.movesUnderWay).toBeGreaterThan(0);
});

test("with a new term absence is counted anew, and a node that answers in between is there again", async () => {
  const bench = new Bench(5);
  bench.ask({ kind: "set", replaceAfterMs: 60_000 });
  bench.away.add(5);
  await bench.world.run(55_000);
  bench.seat = { term: 2, voters: [1, 2, 3], hasCaughtUp: () => true };
  await bench.world.run(55_000);
  bench.away.delete(5);
  await bench.world.run(2_000);
  bench.away.add(5);
  await bench.world.run(55_000);
  expect(bench.changeCount).toBe(0);
  await bench.world.run(10_000);
  expect(bench.changeCount).toBeGreaterThan(0);
});

test("whom others hear who work with it is not absent, however long this node does not hear it", async () => {
  const bench = new Bench(5);
  bench.ask({ kind: "set", replaceAfterMs: 60_000 });
  bench.away.add(5);
  bench.vouchedFor.add(5);
  const warnings = (): readonly string[] | undefined => bench.driver.report?.warnings;
  await bench.world.run(25_000);
  expect(warnings()).toEqual([]);
  await bench.world.run(3_600_000);
  expect(bench.changeCount).toBe(0);
  // Nobody else would say so.
  expect(warnings()).toEqual([
    "n1, which leads the directory, does not hear n5; n2, n3 do. So n5 is not taken for lost: its replicas stay, and none comes to it meanwhile. Look at the network between n1 and n5.",
  ]);
  expect(bench.lines.filter((line) => line.includes("does not hear"))).toHaveLength(1);
  // Which is another matter than a node that is gone.
  bench.vouchedFor.delete(5);
  await bench.world.run(2_000);
  expect(warnings()).toEqual([]);
  await bench.world.run(48_000);
  expect(bench.changeCount).toBe(0);
  await bench.world.run(15_000);
  expect(bench.movesUnderWay).toBeGreaterThan(0);
});

test("while this process stood still nobody was away [H-4]", async () => {
  const bench = new Bench(5);
  bench.ask({ kind: "set", replaceAfterMs: 60_000 });
  bench.away.add(5);
  await bench.world.run(10_000);
  bench.machine.pause();
  await bench.world.run(3_600_000);
  bench.machine.resume();
  await bench.world.run(10_000);
  expect(bench.changeCount).toBe(0);
});

test("absence is the time between looks at which it could be told, and no more of it than looks are apart", () => {
  const absences = new Absences(1_000);
  absences.look(0, [2, 3]);
  absences.look(1_500, [2]);
  expect([absences.msOf(2), absences.msOf(3)]).toEqual([1_500, 0]);
  absences.look(90_000, [2, 3]);
  expect([absences.msOf(2), absences.msOf(3)]).toEqual([3_500, 0]);
  absences.pause();
  absences.look(91_000, [2, 3]);
  expect([absences.msOf(2), absences.msOf(3)]).toEqual([3_500, 0]);
  absences.forget();
  absences.look(92_000, [2]);
  expect(absences.msOf(2)).toBe(0);
});

test("as soon as a move has ended the next one begins: nobody waits for the second to pass", async () => {
  const bench = new Bench();
  bench.ask(join);
  await bench.world.run(1_100);
  for (let round = 0; round < 2; round++) {
    for (const { shard } of progressOf(bench.state).underWay) {
      const { report, wish } = bench.state.shards[shard] as DirectoryState["shards"][number];
      const voters = wish.map((node) => (node === 4 ? 65_540 : node));
      const said = { configurationIndex: report.configurationIndex + 1, voters, learners: [], highestReplica: 65_540 };
      bench.ask({ kind: "report", shard, report: said });
    }
    expect(bench.movesUnderWay).toBe(0);
    await bench.world.run(450);
    expect(bench.movesUnderWay).toBe(round === 0 ? 2 : 0);
  }
});

test("a node that does not hold the directory yet does not get active", async () => {
  const bench = new Bench();
  bench.seat = { term: 1, voters: [1, 2, 3], hasCaughtUp: (id) => id !== 4 };
  bench.ask(join);
  await bench.world.run(5_000);
  expect(bench.state.nodes.at(-1)?.state).toBe("joining");
});

test("who votes on the directory is one object for as long as it stays so", async () => {
  const bench = new Bench(4);
  expect(bench.driver.directoryWish).toBeUndefined();
  await bench.world.run(1_100);
  const wish = bench.driver.directoryWish;
  expect(wish).toEqual({ voters: [1, 2, 3], learners: [4] });
  await bench.world.run(5_000);
  expect(bench.driver.directoryWish).toBe(wish);
  bench.ask({ kind: "drain", node: 2, isForced: false });
  await bench.world.run(1_100);
  expect(bench.driver.directoryWish).toEqual({ voters: [1, 3, 4], learners: [2] });
  bench.seat = { term: 2, voters: [1, 2, 3], hasCaughtUp: () => true };
  expect(bench.driver.directoryWish).toBeUndefined();
});

test("what an operator has to decide is reported, and said once", async () => {
  const bench = new Bench(3);
  bench.away.add(2).add(3);
  await bench.world.run(400_000);
  expect(bench.driver.report?.warnings).toEqual([
    "8 shards have no live majority (0, 1, 2, 3, 4, 5, 6, 7), so nothing of theirs can move. Start n2 or n3 again.",
  ]);
  expect(bench.lines).toHaveLength(1);
});

test("once stopped it looks no more", async () => {
  const bench = new Bench();
  bench.driver.stop();
  bench.ask(join);
  await bench.world.run(10_000);
  expect(bench.changeCount).toBe(0);
});
