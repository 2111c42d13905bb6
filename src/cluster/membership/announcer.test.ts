import { expect, test } from "vitest";
import { type DirectoryState, decideAll, genesis, type NodeDetails } from "../../directory/index.ts";
import { CoterieError } from "../../platform/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { Announcer, type AnnouncerOptions } from "./announcer.ts";

class NoLeaderError extends CoterieError {
  readonly code = "NO_LEADER";
}

/** The directory of three nodes, and one of them. */
class Bench {
  readonly world: SimulatedWorld = new SimulatedWorld({ seed: 1 });
  readonly lines: string[] = [];
  state: DirectoryState = genesis({ names: ["n1", "n2", "n3"], shardCount: 1 });
  details: NodeDetails = { peerAddress: { host: "n2", port: 17_000 } };
  /** Somebody else, who is quicker. */
  before: () => void = () => {};
  changeCount = 0;
  readonly announcer: Announcer;

  constructor() {
    this.announcer = new Announcer({
      clock: this.world.machine("n2").start().clock,
      logger: { log: (level, event) => this.lines.push(`${level} ${event}`) },
      nodeId: 2,
      details: () => this.details,
      state: () => this.state,
      change: this.change,
    });
  }

  readonly change: AnnouncerOptions["change"] = async (decide) => {
    this.changeCount++;
    this.before();
    const decision = decide(this.state);
    if (decision.kind === "refused") throw decision.refusal;
    if (decision.kind === "change") this.state = decision.state;
    return this.state;
  };

  /** Another change, without which the directory would be that of the beginning. */
  touch(): void {
    const { state } = decideAll(this.state, [{ kind: "set", replaceAfterMs: 60_000 + this.state.epoch }]);
    this.state = state;
  }
}

test("a cluster in which nothing ever changed is told nothing", async () => {
  const bench = new Bench();
  await bench.world.run(60_000);
  expect([bench.changeCount, bench.state.epoch]).toEqual([0, 0]);
});

test("a node tells the directory where it is, once, and again when it has moved", async () => {
  const bench = new Bench();
  bench.touch();
  await bench.world.run(60_000);
  expect(bench.state.nodes[1]?.peerAddress).toEqual({ host: "n2", port: 17_000 });
  bench.details = { peerAddress: { host: "elsewhere", port: 18_000 } };
  await bench.world.run(60_000);
  expect(bench.state.nodes[1]?.peerAddress).toEqual({ host: "elsewhere", port: 18_000 });
  expect(bench.changeCount).toBe(2);
});

test("what a node is told about its zone and weight the directory hears in any case", async () => {
  const bench = new Bench();
  bench.details = { zone: "east", weight: 300 };
  await bench.world.run(10_000);
  expect(bench.state.nodes[1]).toMatchObject({ zone: "east", weight: 300, peerAddress: undefined });
});

test("while nobody can change the directory it is tried again, and what is refused is not", async () => {
  const bench = new Bench();
  bench.touch();
  bench.before = () => {
    throw new NoLeaderError("Nobody leads.");
  };
  await bench.world.run(10_000);
  expect(bench.changeCount).toBe(3);
  bench.before = () => {};
  await bench.world.run(3_000);
  expect(bench.state.nodes[1]?.peerAddress).toEqual({ host: "n2", port: 17_000 });
  bench.details = { zone: "no zone" };
  await bench.world.run(60_000);
  expect(bench.changeCount).toBe(5);
  expect(bench.lines.at(-1)).toBe("warn the directory does not know this node's details");
});

test("a node that was removed announces nothing", async () => {
  const bench = new Bench();
  bench.state = decideAll(bench.state, [{ kind: "remove", node: 2, heard: new Set(), isForced: true }]).state;
  await bench.world.run(60_000);
  expect(bench.changeCount).toBe(0);
});

test("who stops announces nothing more", async () => {
  const bench = new Bench();
  bench.touch();
  bench.announcer.stop();
  await bench.world.run(60_000);
  expect(bench.changeCount).toBe(0);
});
