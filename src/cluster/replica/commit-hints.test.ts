import { expect, test } from "vitest";
import type { Message } from "../../raft/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { CommitHints } from "./commit-hints.ts";

function append(to: number, commit: number, count: number): Message {
  const entries = Array.from({ length: count }, (_, at) => ({
    kind: "normal" as const,
    term: 1,
    index: at + 1,
    data: new Uint8Array(1),
  }));
  return { type: "appendEntries", from: 1, to, term: 1, previousIndex: 0, previousTerm: 0, entries, commit };
}

function started(delayMs: number) {
  const world = new SimulatedWorld({ seed: 1 });
  const sent: string[] = [];
  const hints = new CommitHints(world.machine("n1").start().clock, delayMs, (message) => {
    const what = message.type === "appendEntries" ? `${message.entries.length} entries, commit ${message.commit}` : "";
    sent.push(`${message.type} to ${message.to} ${what}`.trim());
  });
  return { world, hints, sent };
}

test("a hint waits a moment, and the newest one is sent", async () => {
  const { world, hints, sent } = started(2);
  hints.pass(append(2, 5, 0));
  hints.pass(append(3, 5, 0));
  hints.pass(append(2, 6, 0));
  expect(sent).toEqual([]);
  await world.run(5);
  expect(sent).toEqual(["appendEntries to 2 0 entries, commit 6", "appendEntries to 3 0 entries, commit 5"]);
});

test("an append that follows takes the place of the hint, everything else goes at once", async () => {
  const { world, hints, sent } = started(2);
  hints.pass(append(2, 5, 0));
  hints.pass(append(2, 5, 3));
  hints.pass({ type: "heartbeat", from: 1, to: 2, term: 1, commit: 5, readRound: 0 });
  await world.run(5);
  expect(sent).toEqual(["appendEntries to 2 3 entries, commit 5", "heartbeat to 2"]);
});

test("without a delay hints go at once, and what was cleared never goes", async () => {
  const { hints, sent } = started(0);
  hints.pass(append(2, 5, 0));
  expect(sent).toHaveLength(1);
  const other = started(2);
  other.hints.pass(append(2, 5, 0));
  other.hints.clear();
  await other.world.run(5);
  expect(other.sent).toEqual([]);
});
