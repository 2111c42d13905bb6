import { expect, test } from "vitest";
import { adapter } from "./index.ts";

const conf = { voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

test("three nodes of the test port elect the one that campaigns and commit its entries", () => {
  const snapshot = { index: 2, term: 1, conf, data: "" };
  const nodes = [1, 2, 3].map((id) =>
    adapter.createNode({ id, electionTick: 3, heartbeatTick: 1, applied: 2, snapshot }),
  );
  nodes[0]!.campaign();
  nodes[0]!.propose("too early");
  let isBusy = true;
  while (isBusy) {
    isBusy = false;
    for (const node of nodes) {
      while (node.hasReady()) {
        isBusy = true;
        const ready = node.ready();
        node.persist(ready);
        node.advance();
        for (const message of ready.messages) nodes[Number(message.to) - 1]!.step(message);
      }
    }
  }
  expect(nodes.map((node) => node.status())).toMatchObject([
    { role: "StateLeader", term: 1, commit: 3, applied: 3 },
    { role: "StateFollower", term: 1, vote: 1, lead: 1, commit: 3 },
    { role: "StateFollower", term: 1, vote: 1, lead: 1, commit: 3 },
  ]);
  expect(nodes[0]!.propose("now")).toBe(null);
});
