import { expect, test } from "vitest";
import type { Operation } from "./history.ts";
import { type KeyValueInput, type KeyValueOutput, keyValueSpecification } from "./key-value-specification.ts";
import { checkConnectionOrder, checkLinearizability } from "./linearizability.ts";
import { searchLinearization } from "./linearization-search.ts";

type Step = Operation<KeyValueInput, KeyValueOutput>;

const key = "k";
const configurationsMax = 60_000;

/** One connection that is answered at once, among others that never are. */
class Story {
  readonly steps: Step[] = [];
  #time = 0;

  open(input: KeyValueInput): void {
    const invokedAt = this.#time++;
    this.steps.push({ kind: "open", client: 100 + invokedAt, input, invokedAt });
  }

  answered(input: KeyValueInput, output: KeyValueOutput): void {
    const invokedAt = this.#time++;
    this.steps.push({ kind: "replied", client: 1, input, output, invokedAt, repliedAt: this.#time++ });
  }

  /** Writes without an answer, of values that nobody sees. */
  unseenWrites(count: number): void {
    for (let number = 0; number < count; number++) this.open({ kind: "set", key, value: `unseen ${number}` });
  }
}

const get: KeyValueInput = { kind: "get", key };
const deleted: KeyValueInput = { kind: "delete", key };

/** What is deleted was written each time by someone who heard nothing, and after that three of them are needed at once. */
function deletions(last: KeyValueOutput): readonly Step[] {
  const story = new Story();
  story.unseenWrites(400);
  for (const value of ["a", "b"]) story.open({ kind: "append", key, value });
  for (let round = 0; round < 3; round++) story.answered(deleted, 1);
  story.answered({ kind: "set", key, value: "v" }, "OK");
  story.answered(get, last);
  return story.steps;
}

function plainly(history: readonly Step[], max = configurationsMax): string {
  const options = { keepsClientOrder: true, configurationsMax: max };
  return searchLinearization(history, keyValueSpecification, options).kind;
}

function quickly(history: readonly Step[]): string {
  const options = { keepsClientOrder: true, configurationsMax, areLikeStatesOne: true };
  return searchLinearization(history, keyValueSpecification, options).kind;
}

function judged(history: readonly Step[]): readonly string[] {
  const verdicts = [checkLinearizability, checkConnectionOrder].map(
    (check) => check(history, keyValueSpecification, { configurationsMax }).kind,
  );
  return verdicts;
}

test("an order is found among more open operations than can be tried, most of which are alike", () => {
  const history = deletions("vab");
  expect([plainly(history), quickly(history)]).toEqual(["undecided", "found"]);
  expect(judged(history)).toEqual(["passed", "passed"]);
});

test("an order that takes open operations which look alike one by one is found by the exact search", () => {
  const story = new Story();
  for (const value of "abcdefghijklmno") story.open({ kind: "append", key, value });
  story.answered({ kind: "set", key, value: "v" }, "OK");
  story.answered(get, "vonml");
  expect([plainly(story.steps, 30_000), quickly(story.steps)]).toEqual(["undecided", "none"]);
  expect(judged(story.steps)).toEqual(["passed", "passed"]);
});

test.for([
  { name: "that nobody wrote", last: "vaab" },
  { name: "that was overwritten", last: "unseen 1ab" },
])("a read of a value $name is never passed, however many open operations there are", ({ last }) => {
  const history = deletions(last);
  for (const verdict of judged(history)) expect(["failed", "undecided"]).toContain(verdict);
  // Among few of them it is found out.
  const few = history.filter(({ input, kind }, index) => kind === "replied" || input.kind === "append" || index < 3);
  expect(judged(few)).toEqual(["failed", "failed"]);
});
