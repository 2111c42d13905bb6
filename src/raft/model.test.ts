import { expect, test } from "vitest";
import { type Marks, ModelRun, noMarks } from "../../test/raft/model.ts";

const eventCount = 3000;
// More seeds than fit into a unit test: RAFT_MODEL_SEEDS=1000-3000 npx vitest run src/raft/model
const [from = 1, to = 24] = (process.env.RAFT_MODEL_SEEDS ?? "").split("-").filter(Boolean).map(Number);

function run(seed: number): ModelRun {
  const model = new ModelRun(seed);
  model.run(eventCount);
  model.heal();
  return model;
}

test("random histories with crashes, losses and membership changes keep every invariant, and heal [I-1] [I-2] [I-3] [I-4] [I-5] [I-6] [I-7] [I-8] [I-9] [I-10] [I-11] [I-12] [I-15] [I-16] [I-17]", () => {
  const marks: Marks = { ...noMarks };
  for (let seed = from; seed <= to; seed++) {
    try {
      const model = run(seed);
      for (const [name, count] of Object.entries(model.marks)) marks[name as keyof Marks] += count;
    } catch (cause) {
      throw new Error(`RAFT_MODEL_SEEDS=${seed}-${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
  // What no history meets is not tested; a few need not meet everything.
  if (to - from < 20) return;
  expect(Object.entries(marks).filter(([, count]) => count === 0)).toEqual([]);
});

test("the same seed gives the same messages, byte for byte [C-2]", () => {
  for (const seed of [7, 8]) expect(run(seed).hash).toBe(run(seed).hash);
  expect(run(7).hash).not.toBe(run(8).hash);
});
