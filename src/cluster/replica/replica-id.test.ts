import fc from "fast-check";
import { expect, test } from "vitest";
import { changeConfiguration, emptyConfiguration } from "../../raft/index.ts";
import { generationOf, membersOn, nextGeneration, nodeIdMax, nodeOf, replicaOf, voterNodes } from "./replica-id.ts";

test("an id tells node and generation; the first members have their nodes' numbers", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: nodeIdMax }),
      fc.integer({ min: 0, max: 2 ** 37 - 1 }),
      (node, generation) => {
        const replica = replicaOf(node, generation);
        expect([nodeOf(replica), generationOf(replica)]).toEqual([node, generation]);
        if (generation === 0) expect(replica).toBe(node);
      },
    ),
  );
});

test.for([0, nodeIdMax + 1])("there is no node %s", (node) => {
  expect(() => replicaOf(node, 1)).toThrow("a node's number");
});

test("a generation is never given twice, whatever has gone since [C-4]", () => {
  const first = { ...emptyConfiguration, voters: [1, 2, 3] };
  expect(nextGeneration(first)).toBe(1);
  const added = changeConfiguration(first, {
    transition: "auto",
    changes: [{ action: "addLearner", replica: replicaOf(3, 1) }],
  });
  if ("error" in added) throw new Error(added.error);
  expect(membersOn(3, added.configuration)).toEqual([3, replicaOf(3, 1)]);
  const removed = changeConfiguration(added.configuration, {
    transition: "auto",
    changes: [{ action: "remove", replica: replicaOf(3, 1) }],
  });
  if ("error" in removed) throw new Error(removed.error);
  expect(nextGeneration(removed.configuration)).toBe(2);
});

test("a node that two voters of a joint configuration live on counts once", () => {
  const joint = { ...emptyConfiguration, voters: [1, 2, replicaOf(3, 1)], votersOutgoing: [1, 2, 3] };
  expect(voterNodes(joint)).toEqual([1, 2, 3]);
});
