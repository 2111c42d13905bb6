import { afterEach, expect, test, vi } from "vitest";
import { Opened } from "../../test/server/clients.ts";
import type { SkipPicture } from "../cluster/index.ts";
import { type DirectoryState, decideAll, genesis, joinsOf } from "../directory/index.ts";
import { runCommandLine } from "./command-line.ts";
import { fitted, progressText } from "./move-progress.ts";
import { leaving } from "./node-command.ts";
import { planRequests } from "./ring-command.ts";
import { moving } from "./shard-command.ts";

const opened = new Opened();

afterEach(() => {
  vi.restoreAllMocks();
  return opened.close();
});

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** `coterie` with these words, against a node of a cluster of four with two shards, in this process. */
async function run(served: Awaited<ReturnType<Opened["start"]>>, ...words: readonly string[]): Promise<Ran> {
  let out = "";
  let errors = "";
  const catching = (take: (text: string) => void) => (text: string | Uint8Array) => {
    take(String(text));
    return true;
  };
  vi.spyOn(process.stdout, "write").mockImplementation(catching((text) => (out += text)));
  vi.spyOn(process.stderr, "write").mockImplementation(catching((text) => (errors += text)));
  try {
    const code = await runCommandLine([...words, "--port", String(served.port)], "/bin/coterie");
    return { code, out, errors };
  } finally {
    vi.restoreAllMocks();
  }
}

test("nodes and shards are listed, for people and as JSON", async () => {
  const served = await opened.start({});
  const text = await run(served, "node", "ls");
  expect(text).toMatchObject({ code: 0, errors: "" });
  expect(text.out).toMatch(/^node +state +zone[^\n]*\nn1 +active +- +100 /);
  expect(text.out).toMatch(/n2 +active \(no answer\)/);
  const nodes = JSON.parse((await run(served, "node", "ls", "--json")).out);
  expect(nodes.nodes[0]).toMatchObject({ id: 1, name: "n1", isUp: true, leads: 1 });
  expect((await run(served, "shard", "ls")).out).toMatch(/^shard +slots[^\n]*\n +0 +0-8191 +n1 /);
  const shards = JSON.parse((await run(served, "shard", "ls", "--json")).out);
  expect(shards.shards[1]).toMatchObject({ shard: 1, leader: null, move: null });
});

test("the ring: each node's part, a key's owner, and what would move", async () => {
  const served = await opened.start({});
  expect((await run(served, "ring", "show")).out).toMatch(/2 shards with 3 replicas each; directory at epoch 0\n$/);
  expect((await run(served, "ring", "owner", "foo")).out).toMatch(/^key +foo\nslot +12182\nshard +1, slots 8192-16383/);
  const plan = await run(served, "ring", "plan", "--add", "2", "--remove", "n4");
  expect(plan).toMatchObject({ code: 0, errors: "" });
  expect(plan.out).toMatch(/n4 +n(ew-)?\d +left[\s\S]*Nothing has been changed\.\n$/);
  expect(JSON.parse((await run(served, "ring", "plan", "--json")).out)).toMatchObject({ isUnchanged: true });
  expect(served.node.directoryState.epoch).toBe(0);
});

test("a plan tells of a node that is still joining, and of what nodes that leave move if there are too few then", async () => {
  const served = await opened.start({});
  expect((await run(served, "ring", "plan")).out).toBe("Nothing would move.\n");
  const [join] = joinsOf(served.node.directoryState, 1);
  served.node.directoryState = decideAll(served.node.directoryState, join === undefined ? [] : [join]).state;
  expect((await run(served, "ring", "plan")).out).toBe(
    "new-1 is joining: it gets its share once it holds the directory.\nNothing would move.\n",
  );
  const leaving = ["ring", "plan", "--remove", "n3", "--remove", "n4"];
  expect(await run(served, ...leaving)).toMatchObject({ code: 2, errors: expect.stringContaining("(--force)") });
  expect(await run(served, ...leaving, "--force")).toMatchObject({ code: 0, errors: "" });
});

test("addresses are a column once the directory knows one", async () => {
  const served = await opened.start({});
  expect((await run(served, "node", "ls")).out).toMatch(/coming +going\nn1 /);
  const [first, ...others] = served.node.directoryState.nodes;
  const nodes = first === undefined ? [] : [{ ...first, peerAddress: { host: "::1", port: 7 } }, ...others];
  served.node.directoryState = { ...served.node.directoryState, nodes };
  expect((await run(served, "node", "ls")).out).toMatch(/going +peer address\nn1 .* \[::1\]:7\nn2 .* -\n/);
});

test("a dry run changes nothing; a drain that need not be waited for begins", async () => {
  const served = await opened.start({});
  const dry = await run(served, "node", "decommission", "n4", "--dry-run");
  expect(dry.out).toMatch(/n4 +n\d +left[\s\S]*Nothing has been changed\.\n$/);
  expect(served.node.directoryState.epoch).toBe(0);
  expect(await run(served, "node", "drain", "n4", "--no-wait")).toEqual({
    code: 0,
    out: "The replicas of n4 begin to move: see coterie node ls.\n",
    errors: "",
  });
  expect(await run(served, "node", "resume", "n4")).toMatchObject({ code: 0, out: "n4 takes replicas.\n" });
  expect(served.node.directoryState.nodes[3]?.state).toBe("active");
});

/** Has the directory be another one from the second look on that a command takes after it has asked for its change. */
function beforeSecondLook(
  served: Awaited<ReturnType<Opened["start"]>>,
  next: (state: DirectoryState) => DirectoryState,
): void {
  const { node } = served;
  const answer = node.topology.bind(node);
  let looks = 0;
  node.topology = () => {
    // The first one is for the change itself.
    if (++looks === 3) node.directoryState = next(node.directoryState);
    return answer();
  };
}

test("a drain is waited for until the node has no replicas any more", async () => {
  const served = await opened.start({});
  const { shards } = genesis({ names: ["n1", "n2", "n3"], shardCount: 2 });
  beforeSecondLook(served, (state) => {
    const nodes = state.nodes.map((node) => (node.id === 4 ? ({ ...node, state: "drained" } as const) : node));
    return { ...state, nodes, shards };
  });
  const ran = await run(served, "node", "drain", "n4");
  expect(ran).toMatchObject({ code: 0, out: "n4 has no replicas any more.\n" });
  expect(ran.errors).toMatch(/0 of (\d) replicas? moved\n.*\1 of \1 replicas? moved\n$/);
});

test("a node that is gone is removed, and what is left to be made anew is said", async () => {
  const served = await opened.start({});
  expect(await run(served, "node", "remove", "n4")).toMatchObject({ code: 2, out: "" });
  const forced = await run(served, "node", "remove", "n4", "--force", "--json");
  expect(JSON.parse(forced.out)).toMatchObject({ node: "n4", epoch: 1 });
});

test("a replica is moved by hand", async () => {
  const served = await opened.start({});
  const [{ wish = [] } = {}] = served.node.directoryState.shards;
  const to = `n${[1, 2, 3, 4].find((id) => !wish.includes(id))}`;
  const words = ["shard", "move", "0", "--from", `n${wish[0]}`, "--to", to];
  expect((await run(served, ...words, "--dry-run")).out).toMatch(/^shard 0 moves n\d to n\d\n/);
  const begun = await run(served, ...words, "--no-wait");
  expect(begun.out).toBe(`A replica of shard 0 begins to move from n${wish[0]} to ${to}: see coterie shard ls.\n`);
  expect(moving(served.node.directoryState, 0)).toEqual({ left: 1, isDone: false });
  expect(moving(served.node.directoryState, 1)).toEqual({ left: 0, isDone: true });
});

test("a replica that moves is waited for, and where nothing has to move nothing is waited for", async () => {
  const served = await opened.start({});
  const [shard] = served.node.directoryState.shards;
  const { wish = [], report } = shard ?? {};
  const [from = 0] = wish;
  const to = [1, 2, 3, 4].find((id) => !wish.includes(id)) ?? 0;
  const words = ["shard", "move", "0", "--from", `n${from}`, "--to", `n${to}`];
  beforeSecondLook(served, (state) => {
    if (report === undefined) return state;
    const highestReplica = (report.highestReplica & ~0xffff) + 65_536 + to;
    const voters = [...report.voters.filter((id) => id % 65_536 !== from), highestReplica];
    const configurationIndex = report.configurationIndex + 5;
    const moved = { ...report, voters, highestReplica, configurationIndex };
    return decideAll(state, [{ kind: "report", shard: 0, report: moved }]).state;
  });
  const ran = await run(served, ...words);
  expect(ran).toMatchObject({ code: 0, out: `A replica of shard 0 has moved from n${from} to n${to}.\n` });
  expect(ran.errors).toMatch(/0 of 1 replica moved\n.*1 of 1 replica moved\n$/);
  const again = await run(served, ...words);
  expect(again).toEqual({ code: 0, out: "Nothing had to move: shard 0 is as you want it.\n", errors: "" });
});

test("a change that is not answered in time may still happen, and is said to", async () => {
  const served = await opened.start({});
  served.node.onChange = () => new Promise(() => {});
  const ran = await run(served, "node", "drain", "n4", "--timeout-ms", "50");
  expect(ran).toMatchObject({ code: 3, out: "" });
  expect(ran.errors).toMatch(
    /has not answered within 0\.05 s.* The change may still happen: look before you ask again\.\n$/,
  );
});

test("a shard gets another leader, and the command ends once it leads", async () => {
  const served = await opened.start({});
  const words = ["shard", "transfer", "1", "--to", "n3"];
  expect(await run(served, ...words)).toEqual({ code: 0, out: "n3 leads shard 1.\n", errors: "" });
  expect(JSON.parse((await run(served, ...words, "--json")).out)).toEqual({ shard: 1, leader: "n3" });
  expect(served.node.transfers).toEqual([
    { shard: 1, to: 3 },
    { shard: 1, to: 3 },
  ]);
});

const checksum = "9f3ab201".repeat(8);
const picture: SkipPicture = {
  shard: 1,
  entry: {
    index: 4_711,
    term: 3,
    checksum,
    bytes: 80,
    commandCount: 3,
    commands: [
      { name: "INCR", keys: ["visits"], bytes: 10 },
      { name: "FLUSHALL", keys: [], bytes: 8 },
    ],
  },
  reason: "Error: what nobody expected",
  stopped: ["n1", "n3"],
  behind: [],
  silent: ["n2"],
};

test("an entry that stops a shard is shown, with what leaving it out means and how, and nothing changes [A-4]", async () => {
  const served = await opened.start({});
  served.node.onSkip = () => Promise.resolve(picture);
  const dry = await run(served, "shard", "skip", "1", "4711", "--dry-run");
  expect(dry).toMatchObject({ code: 0, errors: "" });
  expect(dry.out).toBe(
    [
      "Entry 4711 of shard 1, term 3: 80 bytes, 3 commands.",
      '  INCR "visits" (10 bytes)',
      "  FLUSHALL (8 bytes)",
      "  and 1 more",
      "It has stopped n1, n3: Error: what nobody expected.",
      "Not there yet: nobody. No answer: n2.",
      "What does not answer must come back with a version that knows of entries that are left out.",
      "Left out, all of these commands are lost at all replicas, and those stopped go on. Nothing has been changed. To do it:",
      '  coterie shard skip 1 4711 --checksum 9f3ab2019f3ab201 --because "..."',
      "",
    ].join("\n"),
  );
  expect(JSON.parse((await run(served, "shard", "skip", "1", "4711", "--dry-run", "--json")).out)).toEqual(picture);
  expect(served.node.directoryState.epoch).toBe(0);
});

test("an entry is left out once it was named by its checksum, with a reason, and by whom; asked again it is so already [A-4]", async () => {
  const served = await opened.start({});
  served.node.onSkip = () => Promise.resolve(picture);
  const words = ["shard", "skip", "1", "4711", "--checksum", "9f3ab201", "--because", "issue 12", "--by", "ann"];
  expect(await run(served, ...words)).toEqual({
    code: 0,
    out: "shard 1 leaves out entry 4711, at epoch 1: its replicas go on.\n",
    errors: "",
  });
  expect(served.node.directoryState.skips).toMatchObject([
    { shard: 1, index: 4_711, term: 3, checksum, by: "ann", because: "issue 12" },
  ]);
  served.node.onSkip = () => Promise.reject(new Error("its replicas have gone on"));
  expect(JSON.parse((await run(served, ...words, "--json")).out)).toEqual({ shard: 1, index: 4_711, epoch: 1 });
});

test("coterie cluster status is coterie status", async () => {
  const served = await opened.start({});
  const status = await run(served, "status", "--json");
  expect(status).toMatchObject({ errors: "" });
  expect(await run(served, "cluster", "status", "--json")).toEqual(status);
});

test.for<{ words: string; says: RegExp }>([
  { words: "node drain n9 --no-wait", says: /^coterie: The cluster has no node called "n9"\. Its nodes are n1, n2/ },
  { words: "node drain n9 --dry-run", says: /^coterie: The cluster has no node called "n9"\./ },
  { words: "node remove n2", says: /^coterie: Without n2 no majority is left of \d shards?/ },
  { words: "node drain ?", says: /is no name for a node/ },
  { words: "shard move 0", says: /Say from which node/ },
  { words: "shard move x --to n4", says: /takes a whole number from 0/ },
  { words: "shard move 9 --to n4", says: /There is no shard 9: the last one is 1\./ },
  { words: "shard skip 0 7", says: /Look at the entry with --dry-run first/ },
  { words: "shard skip 0 7 --checksum 9f3ab201", says: /--because/ },
  { words: "shard skip 0 0 --dry-run", says: /takes a whole number from 1/ },
  { words: "shard skip 0 7 --dry-run", says: /Nothing stops\./ },
  { words: "shard skip 0 7 --checksum 9f3 --because x", says: /at least 8 of the digits/ },
  { words: "shard skip directory 7 --dry-run", says: /An entry of the directory cannot be left out/ },
  { words: "shard transfer 0", says: /required option .*--to.* See coterie shard transfer --help\./ },
  { words: "shard move 0 --to n9", says: /no node called "n9"/ },
  { words: "shard transfer 0 --to n9", says: /The cluster has no node called "n9"/ },
  { words: "shard transfer 1.5 --to n1", says: /takes a whole number from 0/ },
  { words: "ring plan --remove n1 --remove n1", says: /names a node twice/ },
  { words: "ring plan --add 0", says: /--add takes a whole number from 1 to 100/ },
  { words: "node frobnicate", says: /unknown command 'frobnicate'.*See coterie node --help\./ },
])("coterie $words is refused in one line", async ({ words, says }) => {
  const served = await opened.start({});
  const ran = await run(served, ...words.split(" "));
  expect(ran).toMatchObject({ code: 2, out: "" });
  expect(ran.errors).toMatch(says);
  expect(ran.errors.trimEnd()).not.toContain("\n");
  expect(served.node.directoryState.epoch).toBe(0);
});

test("how far a node is on its way out", () => {
  const four = genesis({ names: ["n1", "n2", "n3", "n4"], shardCount: 8, replicas: 3 });
  const held = four.shards.filter(({ wish }) => wish.includes(4)).length;
  const { state } = decideAll(four, [{ kind: "decommission", node: 4, isForced: false }]);
  expect(leaving(state, { kind: "decommission", node: "n4" })).toEqual({ left: held, isDone: false });
  const drained = { ...state, nodes: state.nodes.map((node) => ({ ...node, state: "drained" }) as const) };
  expect(leaving(drained, { kind: "drain", node: "n4" }).isDone).toBe(true);
  expect(leaving(drained, { kind: "decommission", node: "n4" }).isDone).toBe(false);
  const removed = { ...state, nodes: state.nodes.map((node) => ({ ...node, state: "removed" }) as const) };
  expect(leaving(removed, { kind: "decommission", node: "n4" })).toEqual({ left: 0, isDone: true });
  // Somebody took it back.
  expect(leaving(four, { kind: "decommission", node: "n4" }).isDone).toBe(true);
});

test("nodes to come are planned before those that leave, so that enough are left", () => {
  const three = genesis({ names: ["n1", "n2", "n3"], shardCount: 8 });
  const requests = planRequests(three, new Set([1, 2, 3]), { add: 1, remove: ["n3"] });
  expect(requests.map(({ kind }) => kind)).toEqual(["join", "activate", "drain"]);
  expect(decideAll(three, requests).refused).toEqual([]);
  expect(joinsOf(three, 1)).toEqual(requests.slice(0, 2));
});

test("a line of progress is cut where the terminal ends, so that it can be written over", () => {
  expect(fitted("12345", 6)).toBe("12345");
  expect(fitted("12345", 5)).toBe("123…");
  expect(fitted("12345", 1)).toBe("…");
});

test.for([
  { total: 0, left: 0, elapsedMs: 0, text: `${"█".repeat(24)}  0 of 0 replicas moved` },
  { total: 1, left: 1, elapsedMs: 500, text: `${"░".repeat(24)}  0 of 1 replica moved` },
  {
    total: 40,
    left: 30,
    elapsedMs: 5_000,
    text: `${"█".repeat(6)}${"░".repeat(18)}  10 of 40 replicas moved, 2.0 a second, 15 s left`,
  },
  {
    total: 4,
    left: 2,
    elapsedMs: 600_000,
    text: `${"█".repeat(12)}${"░".repeat(12)}  2 of 4 replicas moved, 0.2 a minute, 10 min left`,
  },
  { total: 4, left: 0, elapsedMs: 9_000, text: `${"█".repeat(24)}  4 of 4 replicas moved` },
])("progress: $text", ({ text, ...progress }) => {
  expect(progressText(progress)).toBe(text);
});

test("an upgrade is looked at, and finished for good", async () => {
  const served = await opened.start({});
  const upgraded = { semanticsLevelMax: 2, directory: { semanticsLevel: 1 }, groups: [{ semanticsLevel: 1 }] };
  served.node.status = () =>
    Promise.resolve({
      nodes: [
        { name: "n1", status: upgraded },
        { name: "n2", status: null },
      ],
    });
  const dry = await run(served, "cluster", "finish-upgrade", "--dry-run");
  expect(dry.out).toMatch(
    /n1 +up to 2 +1\nn2 +no answer +-\n\nTo be upgraded, started or removed first: n2\.\nNothing/,
  );
  served.node.status = () => Promise.resolve({ nodes: [{ name: "n1", status: upgraded }] });
  const ready = await run(served, "cluster", "finish-upgrade", "--dry-run");
  expect(ready.out).toContain("Finishing raises all data to level 2, for good.");
  const json = await run(served, "cluster", "finish-upgrade", "--dry-run", "--json");
  expect(JSON.parse(json.out)).toEqual({ nodes: [{ node: "n1", knows: 2, data: [1] }] });
  const done = await run(served, "cluster", "finish-upgrade");
  expect(done).toMatchObject({ code: 0, errors: "" });
  expect(done.out).toMatch(
    /^The cluster is at semantics level \d+\. Versions that do not know it cannot run here\.\n$/,
  );
});
