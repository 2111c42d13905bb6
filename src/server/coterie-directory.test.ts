import { afterEach, expect, test } from "vitest";
import { Opened } from "../../test/server/clients.ts";
import { readFacts } from "../directory/index.ts";
import { CoterieError } from "../platform/index.ts";
import { ErrorReply, ok, type Reply } from "../resp/index.ts";

const opened = new Opened();

afterEach(() => opened.close());

class Doubtful extends CoterieError {
  readonly code = "DOUBTFUL";
  override readonly outcome = "unknown";
}

/** The code of the error that `reply` is. */
function codeOf(reply: Reply | undefined): string {
  return reply instanceof ErrorReply ? (reply.text.split(" ")[0] ?? "") : `no error: ${JSON.stringify(reply)}`;
}

test("the directory is shown as JSON that can be read back", async () => {
  const served = await opened.start({});
  const client = await opened.connect(served);
  const reply = await client.run("COTERIE", "DIRECTORY");
  const { directoryState: state } = served.node;
  expect(readFacts(String(reply))).toEqual({ state, leaders: [1, undefined], heard: new Set([1]) });
});

test("a node is drained, resumed, decommissioned and removed; each answers the directory's epoch", async () => {
  const served = await opened.start({});
  const client = await opened.connect(served);
  const stateOf = (id: number): unknown => served.node.directoryState.nodes.find((node) => node.id === id)?.state;
  expect(await client.run("COTERIE", "NODE", "DRAIN", "n4")).toBe(1);
  expect(stateOf(4)).toBe("draining");
  expect(await client.run("coterie", "node", "drain", "n4")).toBe(1);
  expect(await client.run("COTERIE", "NODE", "RESUME", "n4")).toBe(2);
  expect(stateOf(4)).toBe("active");
  expect(await client.run("COTERIE", "NODE", "DECOMMISSION", "n4")).toBe(3);
  expect(served.node.directoryState.nodes[3]).toMatchObject({ state: "draining", isDecommissioned: true });
  expect(codeOf(await client.run("COTERIE", "NODE", "REMOVE", "n3"))).toBe("MAJORITY_AT_RISK");
  expect(await client.run("COTERIE", "NODE", "REMOVE", "n3", "force")).toBe(4);
  expect(stateOf(3)).toBe("removed");
});

test("a replica moves, and settings change", async () => {
  const served = await opened.start({});
  const client = await opened.connect(served);
  const [{ wish = [] } = {}] = served.node.directoryState.shards;
  const free = [1, 2, 3, 4].find((id) => !wish.includes(id));
  expect(await client.run("COTERIE", "SHARD", "MOVE", "0", "TO", `n${free}`, "FROM", `n${wish[0]}`)).toBe(1);
  expect(served.node.directoryState.shards[0]?.wish).toEqual([...wish.slice(1), free].toSorted());
  expect(await client.run("COTERIE", "SETTINGS", "replicas", "2", "REPLACEAFTERMS", "60000")).toBe(2);
  expect(served.node.directoryState.settings).toMatchObject({ replicas: 2, replaceAfterMs: 60_000 });
});

test("a shard gets another leader; asked for one that leads already, the answer is the same", async () => {
  const served = await opened.start({});
  const client = await opened.connect(served);
  expect(await client.run("COTERIE", "SHARD", "TRANSFER", "1", "TO", "n3")).toEqual(ok);
  expect(await client.run("coterie", "shard", "transfer", "0", "to", "n1")).toEqual(ok);
  expect(served.node.transfers).toEqual([
    { shard: 1, to: 3 },
    { shard: 0, to: 1 },
  ]);
  served.node.onChange = () => Promise.reject(new Doubtful("Not heard."));
  expect(await client.run("COTERIE", "SHARD", "TRANSFER", "1", "TO", "n2")).toEqual(
    new ErrorReply("UNCERTAIN Not heard."),
  );
});

test.for<{ words: string; code: string }>([
  { words: "NODE DRAIN n9", code: "NODE_UNKNOWN" },
  { words: "NODE STOP n1", code: "ERR" },
  { words: "NODE DRAIN n1 NOW", code: "ERR" },
  { words: "NODE DRAIN n1 FORCE FORCE", code: "ERR" },
  { words: "NODE RESUME n1 FORCE", code: "ERR" },
  { words: "SHARD MOVE x FROM n1", code: "ERR" },
  { words: "SHARD MOVE 7 FROM n1", code: "DIRECTORY_VALUE" },
  { words: "SHARD SPLIT 0 FROM n1", code: "ERR" },
  { words: "SHARD MOVE 0 FROM n1 FROM n2", code: "ERR" },
  { words: "SHARD MOVE 0 FROM n1 TO", code: "ERR" },
  { words: "SHARD TRANSFER 7 TO n1", code: "DIRECTORY_VALUE" },
  { words: "SHARD TRANSFER 0 TO n9", code: "NODE_UNKNOWN" },
  { words: "SHARD TRANSFER x TO n1", code: "ERR" },
  { words: "SHARD TRANSFER 0 FROM n1", code: "ERR" },
  { words: "SHARD TRANSFER 0 TO n1 TO n2", code: "ERR" },
  { words: "SETTINGS replicas 0", code: "DIRECTORY_VALUE" },
  { words: "SETTINGS replicas many", code: "ERR" },
  { words: "SETTINGS replicas 2 replicas 3", code: "ERR" },
  { words: "SETTINGS colour 3", code: "ERR" },
  { words: "SETTINGS replicas 2 movesPerNodeMax", code: "ERR" },
])("COTERIE $words is refused with $code, and changes nothing", async ({ words, code }) => {
  const served = await opened.start({});
  const client = await opened.connect(served);
  expect(codeOf(await client.run("COTERIE", ...words.split(" ")))).toBe(code);
  expect(served.node.directoryState.epoch).toBe(0);
  expect(served.node.transfers).toEqual([]);
});

test("what may have happened is UNCERTAIN; a bug is an error that points to the log", async () => {
  const served = await opened.start({});
  const client = await opened.connect(served);
  served.node.onChange = () => Promise.reject(new Doubtful("No answer."));
  expect(await client.run("COTERIE", "NODE", "DRAIN", "n4")).toEqual(new ErrorReply("UNCERTAIN No answer."));
  served.node.onChange = () => Promise.reject(new TypeError("x"));
  expect(codeOf(await client.run("COTERIE", "NODE", "DRAIN", "n4"))).toBe("ERR");
});

test("a password is asked for", async () => {
  const served = await opened.start({ password: "sesame" });
  const client = await opened.connect(served);
  for (const words of [
    "DIRECTORY",
    "NODE DRAIN n4",
    "SETTINGS replicas 2",
    "SHARD MOVE 0 FROM n1",
    "SHARD TRANSFER 0 TO n1",
  ])
    expect(codeOf(await client.run("COTERIE", ...words.split(" ")))).toBe("NOAUTH");
  expect(served.node.directoryState.epoch).toBe(0);
});
