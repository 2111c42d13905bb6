import fc from "fast-check";
import { expect, test } from "vitest";
import { type CommandSpec, commandTable, EntryWriter, type Keyspace } from "../../keyspace/index.ts";
import { Arguments, type Reply } from "../../resp/index.ts";
import { Batch } from "./batch.ts";
import { Lane } from "./lane.ts";
import { ReadRounds } from "./read-rounds.ts";
import { aloneMember } from "./waves.ts";

class FakeLane extends Lane {
  readonly answers: number[] = [];
  override answer(ticket: number, _reply: Reply): void {
    this.answers.push(ticket);
  }
  override giveBack(): void {}
  override largeProposed(): void {}
}

const get = commandTable.get("GET") as CommandSpec<Keyspace>;
const args = Arguments.of(["GET", "k"]);

function served(rounds: ReadRounds, appliedIndex: number): number[] {
  const tickets: number[] = [];
  rounds.serve(appliedIndex, (batch, at) => tickets.push(batch.tickets[at] as number));
  return tickets;
}

function proposedBatch(index: number): Batch {
  const batch = new Batch(new EntryWriter(), 0);
  batch.proposed(index, 1);
  return batch;
}

test("a read is served once its round is confirmed and the index is applied [R-1]", () => {
  const rounds = new ReadRounds(2, aloneMember);
  const lane = new FakeLane();
  rounds.add(lane, 1, get, args, 0);
  rounds.add(lane, 2, get, args, 0);
  expect(rounds.isWanted).toBe(true);
  const context = rounds.ask();
  rounds.add(lane, 3, get, args, 0);
  expect(served(rounds, 100)).toEqual([]);
  rounds.confirmed(context, 10);
  expect(served(rounds, 9)).toEqual([]);
  expect(served(rounds, 10)).toEqual([1, 2]);
  expect(lane.queuedReadCount).toBe(1);
});

test("a confirmation counts for its own round only [R-3]", () => {
  const rounds = new ReadRounds(2, aloneMember);
  const lane = new FakeLane();
  rounds.add(lane, 1, get, args, 0);
  const first = rounds.ask();
  rounds.add(lane, 2, get, args, 0);
  const second = rounds.ask();
  rounds.confirmed(second, 5);
  // It came later and is confirmed: the first one waits for its own, and the order stays.
  expect(served(rounds, 5)).toEqual([]);
  rounds.confirmed(first, 4);
  rounds.confirmed(first, 4);
  expect(served(rounds, 5)).toEqual([1, 2]);
});

test("no more rounds are asked for than may be under way; what comes collects", () => {
  const rounds = new ReadRounds(1, aloneMember);
  const lane = new FakeLane();
  rounds.add(lane, 1, get, args, 0);
  const context = rounds.ask();
  rounds.add(lane, 2, get, args, 0);
  rounds.add(lane, 3, get, args, 0);
  expect(rounds.isWanted).toBe(false);
  rounds.confirmed(context, 1);
  expect(rounds.isWanted).toBe(true);
  expect(rounds.count).toBe(3);
});

test("a read behind a proposed write waits for it, others do not, and a lane keeps its order [R-9]", () => {
  const rounds = new ReadRounds(3, aloneMember);
  const writer = new FakeLane();
  const other = new FakeLane();
  const batch = proposedBatch(20);
  writer.lastBatch = batch;
  rounds.add(writer, 1, get, args, 0);
  rounds.add(other, 2, get, args, 0);
  rounds.confirmed(rounds.ask(), 10);
  expect(served(rounds, 10)).toEqual([2]);
  // The write is applied, but not the read behind it served: a later one stays behind.
  writer.lastBatch = undefined;
  rounds.add(writer, 3, get, args, 0);
  rounds.confirmed(rounds.ask(), 10);
  expect(served(rounds, 19)).toEqual([]);
  expect(served(rounds, 20)).toEqual([1, 3]);
});

test("the reads of a lane can be taken out, wherever they wait, in their order [R-9]", () => {
  const lanes = [0, 1, 2].map(() => new FakeLane());
  const steps = fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.nat(2).map((lane) => ({ kind: "add" as const, lane })) },
      { weight: 2, arbitrary: fc.constant({ kind: "ask" as const, lane: 0 }) },
      { weight: 2, arbitrary: fc.constant({ kind: "serve" as const, lane: 0 }) },
      { weight: 1, arbitrary: fc.nat(2).map((lane) => ({ kind: "takeOut" as const, lane })) },
      { weight: 1, arbitrary: fc.nat(2).map((lane) => ({ kind: "write" as const, lane })) },
      { weight: 1, arbitrary: fc.constant({ kind: "apply" as const, lane: 0 }) },
    ),
    { maxLength: 120 },
  );
  fc.assert(
    fc.property(steps, (sequence) => {
      const rounds = new ReadRounds(1_000, aloneMember);
      const model = lanes.map((): number[] => []);
      const asked: number[] = [];
      let ticket = 0;
      let index = 1;
      for (const lane of lanes) lane.lastBatch = undefined;
      const finish = (lane: FakeLane, done: number): void => {
        expect(done).toBe(model[lanes.indexOf(lane)]?.shift());
      };
      for (const { kind, lane: number } of sequence) {
        const lane = lanes[number] as FakeLane;
        if (kind === "add") {
          rounds.add(lane, ++ticket, get, args, 0);
          model[number]?.push(ticket);
        } else if (kind === "ask") {
          if (rounds.isWanted) asked.push(rounds.ask());
        } else if (kind === "serve") {
          const context = asked.shift();
          if (context !== undefined) rounds.confirmed(context, index);
          rounds.serve(index, (batch, at, of) => finish(of as FakeLane, batch.tickets[at] as number));
        } else if (kind === "takeOut") {
          rounds.takeOut(lane, (batch, at) => finish(lane, batch.tickets[at] as number));
          expect(model[number]).toEqual([]);
        } else if (kind === "write") {
          rounds.takeOut(lane, (batch, at) => finish(lane, batch.tickets[at] as number));
          lane.lastBatch = proposedBatch(index + 1);
        } else {
          index++;
          for (const each of lanes) each.lastBatch = undefined;
        }
        expect(rounds.count).toBe(model.flat().length);
      }
      rounds.takeAll((batch, at, of) => finish(of as FakeLane, batch.tickets[at] as number));
      expect(model.flat()).toEqual([]);
      for (const lane of lanes) expect(lane.queuedReadCount).toBe(0);
    }),
  );
});
