import { expect, test } from "vitest";
import { EntryWriter } from "../../keyspace/index.ts";
import { Arguments, ErrorReply, type Reply } from "../../resp/index.ts";
import { SimulatedWorld } from "../../simulation/index.ts";
import { Batch } from "./batch.ts";
import { Lane } from "./lane.ts";
import { Orphans } from "./orphans.ts";

class AnswersLane extends Lane {
  /** By ticket, in the order in which they came. */
  readonly answers: [number, string][] = [];
  override answer(ticket: number, reply: Reply): void {
    this.answers.push([ticket, reply instanceof ErrorReply ? (reply.text.split(" ")[0] as string) : "another"]);
  }
  override giveBack(): void {}
  override largeProposed(): void {}
}

/** Batches of one command each that were proposed at `[index, term]`; their tickets are 0, 1, …. */
function made(places: readonly (readonly [number, number])[]) {
  const lane = new AnswersLane();
  const world = new SimulatedWorld({ seed: 1 });
  const orphans = new Orphans(world.machine("n1").start().clock, 1_000);
  const batches = places.map(([index, term], ticket) => {
    const batch = new Batch(new EntryWriter(), 0);
    batch.add(lane, ticket, Arguments.of(["SET", "k", "v"]), false);
    batch.proposed(index, term);
    return batch;
  });
  orphans.add(batches);
  return { lane, orphans, batches, world };
}

test("an entry of a later term ends whatever was proposed there and behind it in earlier ones, in order [O-8]", () => {
  const { lane, orphans } = made([
    [4, 1],
    [5, 1],
    [9, 1],
  ]);
  expect(orphans.take(3, 1)).toBeUndefined();
  expect(lane.answers).toEqual([]);
  expect(orphans.take(4, 2)).toBeUndefined();
  expect(lane.answers).toEqual([
    [0, "TRYAGAIN"],
    [1, "TRYAGAIN"],
    [2, "TRYAGAIN"],
  ]);
  expect(orphans.isEmpty).toBe(true);
});

test("an entry of its own term, or of an earlier one, leaves what is behind it open; it is taken when it is applied [O-8]", () => {
  const { lane, orphans, batches } = made([
    [7, 1],
    [4, 3],
    [5, 3],
    [6, 3],
  ]);
  expect(orphans.take(3, 2)).toBeUndefined();
  expect(lane.answers).toEqual([[0, "TRYAGAIN"]]);
  expect(orphans.take(4, 3)).toBe(batches[1]);
  expect(orphans.take(5, 3)).toBe(batches[2]);
  expect(lane.answers).toHaveLength(1);
  expect(orphans.isEmpty).toBe(false);
  expect(orphans.take(6, 3)).toBe(batches[3]);
  expect(orphans.isEmpty).toBe(true);
});

test("a snapshot leaves open what it covers, and ends what it shows to be in no log any more [O-8]", () => {
  const { lane, orphans } = made([
    [4, 1],
    [6, 1],
    [6, 2],
    [7, 3],
  ]);
  orphans.skipTo(5, 2);
  expect(lane.answers).toEqual([
    [0, "UNCERTAIN"],
    [1, "TRYAGAIN"],
  ]);
  expect(orphans.isEmpty).toBe(false);
  orphans.abandon("it stops");
  expect(lane.answers.slice(2)).toEqual([
    [2, "UNCERTAIN"],
    [3, "UNCERTAIN"],
  ]);
});

test("what nothing is heard of is given up once its time is over, and not before [O-8]", async () => {
  const { lane, orphans, world } = made([[4, 1]]);
  await world.run(999);
  orphans.expire();
  expect(lane.answers).toEqual([]);
  await world.run(1);
  orphans.expire();
  expect(lane.answers).toEqual([[0, "UNCERTAIN"]]);
});
