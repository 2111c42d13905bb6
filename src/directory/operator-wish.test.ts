import { expect, test } from "vitest";
import { decide, decideAll } from "./decide.ts";
import type { DirectoryState } from "./directory-state.ts";
import { DirectoryRefusal } from "./errors.ts";
import { genesis } from "./genesis.ts";
import { type OperatorWish, requestFor } from "./operator-wish.ts";
import { joinsOf } from "./what-if.ts";

const three = genesis({ names: ["n1", "n2", "n3"], shardCount: 2 });
const four = decideAll(three, joinsOf(three, 1)).state;
const heard: ReadonlySet<number> = new Set([1, 2, 4]);

/** The state that it leads to. */
function after(state: DirectoryState, wish: OperatorWish): DirectoryState {
  const request = requestFor(state, heard, wish);
  if (request instanceof DirectoryRefusal) throw request;
  const decision = decide(state, request);
  if (decision.kind === "refused") throw decision.refusal;
  return decision.kind === "change" ? decision.state : state;
}

test.for<OperatorWish>([
  { kind: "drain", node: "n2", isForced: false },
  { kind: "decommission", node: "n2", isForced: false },
  { kind: "remove", node: "n3", isForced: false },
  { kind: "move", shard: 1, from: "n2", to: "new-1" },
  { kind: "set", movesPerNodeMax: 7 },
])("what is asked for twice is done once: $kind", (wish) => {
  const done = after(four, wish);
  expect(done.epoch).toBe(four.epoch + 1);
  expect(after(done, wish)).toBe(done);
});

test("a node that drains takes replicas again when it is resumed", () => {
  const drained = after(four, { kind: "drain", node: "new-1", isForced: false });
  expect(drained.nodes.at(-1)?.state).toBe("draining");
  expect(after(drained, { kind: "resume", node: "new-1" }).nodes.at(-1)?.state).toBe("active");
});

test("a replica moves by the names of its nodes", () => {
  const moved = after(four, { kind: "move", shard: 0, from: "n3", to: "new-1" });
  expect(moved.shards.map(({ wish }) => wish)).toEqual([
    [1, 2, 4],
    [1, 2, 3],
  ]);
});

test.for<{ name: string; wish: OperatorWish; code: string; message: RegExp }>([
  {
    name: "nobody's name",
    wish: { kind: "drain", node: "n9", isForced: true },
    code: "NODE_UNKNOWN",
    message: /no node called "n9"\. Its nodes are n1, n2, n3, new-1\./,
  },
  {
    name: "a shard that is not",
    wish: { kind: "move", shard: 2, from: "n1", to: "new-1" },
    code: "DIRECTORY_VALUE",
    message: /no shard 2/,
  },
  {
    name: "a move from nowhere to nowhere",
    wish: { kind: "move", shard: 0, from: undefined, to: undefined },
    code: "DIRECTORY_VALUE",
    message: /Say from which node/,
  },
  {
    name: "a move from nobody",
    wish: { kind: "move", shard: 0, from: "n9", to: "new-1" },
    code: "NODE_UNKNOWN",
    message: /n9/,
  },
  {
    name: "a move to nobody",
    wish: { kind: "move", shard: 0, from: "n1", to: "n9" },
    code: "NODE_UNKNOWN",
    message: /n9/,
  },
  {
    name: "a replica that is not there",
    wish: { kind: "move", shard: 0, from: "new-1", to: undefined },
    code: "",
    message: /^$/,
  },
  {
    name: "a second replica on a node",
    wish: { kind: "move", shard: 0, from: "n1", to: "n2" },
    code: "MOVE_REFUSED",
    message: /takes no second one/,
  },
])("$name is refused with a cure, or done already", ({ wish, code, message }) => {
  const request = requestFor(four, heard, wish);
  expect(request instanceof DirectoryRefusal ? request.code : "").toBe(code);
  expect(request instanceof DirectoryRefusal ? request.message : "").toMatch(message);
});

test("from a node without a replica to one without goes nothing", () => {
  const five = decideAll(four, joinsOf(four, 1)).state;
  const request = requestFor(five, heard, { kind: "move", shard: 0, from: "new-1", to: "new-2" });
  expect(request).toMatchObject({ code: "MOVE_REFUSED" });
});

test("a removed node is known by its name until another one has it", () => {
  const removed = after(four, { kind: "remove", node: "n3", isForced: false });
  expect(requestFor(removed, heard, { kind: "resume", node: "n3" })).toEqual({ kind: "resume", node: 3 });
  const again = decideAll(removed, [{ kind: "join", name: "n3", directoryId: "3".repeat(32) }]).state;
  expect(requestFor(again, heard, { kind: "drain", node: "n3", isForced: false })).toMatchObject({ node: 5 });
});
