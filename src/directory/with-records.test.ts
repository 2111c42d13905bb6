import fc from "fast-check";
import { expect, test } from "vitest";
import { recordBytesMax, reportMembersMax } from "./bounds.ts";
import type { DirectoryNode, DirectoryShard, DirectoryState, SkippedEntry } from "./directory-state.ts";
import { genesis } from "./genesis.ts";
import { formatShard } from "./record.ts";
import { voterNodesOf } from "./shard-report.ts";
import { type DirectoryRecord, recordsBetween, recordsOf, textOfState, withRecords } from "./with-records.ts";

const first = genesis({ names: ["n1", "n2", "n3"], shardCount: 4 });
const nodeFour: DirectoryNode = {
  id: 4,
  name: "n4",
  state: "joining",
  directoryId: "0123456789abcdef0123456789abcdef",
  peerAddress: { host: "10.0.0.4", port: 17_004 },
  zone: "b",
  weight: 200,
  isDecommissioned: false,
};
const fourText =
  '{"version":1,"name":"n4","state":"joining","directoryId":"0123456789abcdef0123456789abcdef",' +
  '"peerAddress":{"host":"10.0.0.4","port":17004},"zone":"b","weight":200,"isDecommissioned":false}';
const shardText =
  '{"version":1,"configurationIndex":7,"voters":[1,2,3],"learners":[65540],"highestReplica":65540,"wish":[2,3,4]}';

const skipText = `{"version":1,"term":3,"checksum":"${"a".repeat(64)}","atMs":1,"by":"ann","because":"it stops"}`;

test("records are short texts, and what was written is read", () => {
  const shard: DirectoryShard = {
    shard: 2,
    report: { configurationIndex: 7, voters: [1, 2, 3], learners: [65_540], highestReplica: 65_540 },
    wish: [2, 3, 4],
  };
  const after: DirectoryState = {
    ...first,
    nextNodeId: 5,
    settings: { ...first.settings, replicas: 5 },
    nodes: [...first.nodes, nodeFour],
    shards: first.shards.with(2, shard),
  };
  const records = recordsBetween(first, after);
  expect(records).toEqual([
    ["node:4", fourText],
    ["shard:2", shardText],
    ["settings", '{"version":1,"replicas":5,"replaceAfterMs":300000,"movesPerNodeMax":4}'],
    ["next-node", '{"version":1,"id":5}'],
  ]);
  expect(withRecords(first, 1, records)).toEqual({ ...after, epoch: 1 });
  expect(withRecords(first, 0, recordsOf(first))).toEqual(first);
  expect(recordsBetween(after, after)).toEqual([]);
});

test("what did not change keeps its object, so that a change of a large directory is cheap", () => {
  const state = genesis({ names: Array.from({ length: 9 }, (_, at) => `n${at}`), shardCount: 1_024 });
  const after = withRecords(
    state,
    1,
    [["shard:1000", shardText.replaceAll("4]", "3]").replace("[65540]", "[]")]].map(fix),
  );
  expect(after.shards.filter((shard, at) => shard !== state.shards[at]).map(({ shard }) => shard)).toEqual([1_000]);
  expect(after.nodes).toBe(state.nodes);
  expect(recordsBetween(state, after)).toHaveLength(1);
});

function fix([key]: readonly string[]): DirectoryRecord {
  const report = { configurationIndex: 7, voters: [1, 2, 3], learners: [], highestReplica: 9 };
  return [key ?? "", formatShard({ shard: 1_000, report, wish: [1, 2, 3] })];
}

const settings = '{"version":1,"replicas":3,"replaceAfterMs":300000,"movesPerNodeMax":4}';

test.for<{ name: string; record: DirectoryRecord; says: string }>([
  { name: "an unknown key", record: ["zones", "{}"], says: "not known to this version" },
  { name: "node 0", record: ["node:0", fourText], says: "not known to this version" },
  { name: "a number with a zero before it", record: ["node:04", fourText], says: "not known to this version" },
  { name: "a number beyond the last", record: ["node:65536", fourText], says: "not known to this version" },
  { name: "a shard that the cluster has not", record: ["shard:4", shardText], says: "none of the 4 shards" },
  { name: "no JSON", record: ["settings", "{"], says: "is no JSON" },
  { name: "no object", record: ["settings", "[1]"], says: "is no JSON object" },
  { name: "another version", record: ["settings", settings.replace("1", "2")], says: "has version 2" },
  { name: "no version", record: ["settings", "{}"], says: "has version undefined" },
  { name: "a field more", record: ["settings", settings.replace("{", '{"x":1,')], says: 'unknown field, "x"' },
  { name: "a field less", record: ["settings", settings.replace('"replicas":3,', "")], says: "lacks replicas" },
  { name: "a value out of range", record: ["settings", settings.replace(":3,", ":16,")], says: "has a replicas" },
  { name: "a fraction", record: ["settings", settings.replace(":3,", ":2.5,")], says: "has a replicas" },
  { name: "an unknown state", record: ["node:4", fourText.replace("joining", "asleep")], says: "has a state" },
  {
    name: "an inherited name for a state",
    record: ["node:4", fourText.replace("joining", "toString")],
    says: "has a state",
  },
  { name: "a short directory id", record: ["node:4", fourText.replace("abcdef0", "")], says: "has a directoryId" },
  { name: "port 0", record: ["node:4", fourText.replace("17004", "0")], says: "has a peerAddress" },
  {
    name: "an address with more in it",
    record: ["node:4", fourText.replace("17004", '1,"x":1')],
    says: "has a peerAddress",
  },
  { name: "a long name", record: ["node:4", fourText.replace("n4", "n".repeat(256))], says: "has a name" },
  {
    name: "a long record",
    record: ["node:4", `${fourText}${" ".repeat(recordBytesMax)}`],
    says: "longer than 4096 bytes",
  },
  { name: "a number not given yet", record: ["node:4", fourText], says: "not given yet" },
  { name: "no voters", record: ["shard:0", shardText.replace("[1,2,3]", "[]")], says: "no voters" },
  { name: "voters in disorder", record: ["shard:0", shardText.replace("[1,2,3]", "[2,1,3]")], says: "no sorted list" },
  {
    name: "a replica of no node",
    record: ["shard:0", shardText.replace("[65540]", "[65536]")],
    says: "no sorted list",
  },
  { name: "voter and learner", record: ["shard:0", shardText.replace("[65540]", "[3]")], says: "voter and learner" },
  { name: "a highest that is not", record: ["shard:0", shardText.replace(":65540", ":3")], says: "not the highest" },
  { name: "a negative index", record: ["shard:0", shardText.replace(":7", ":-7")], says: "no whole number" },
  { name: "nobody wished", record: ["shard:0", shardText.replace("[2,3,4]", "[]")], says: "nobody is to keep" },
  {
    name: "a wish for two moves",
    record: ["shard:0", shardText.replace("[2,3,4]", "[3,4,5]")],
    says: "more than one replica",
  },
  {
    name: "more replicas than there may be",
    record: [
      "shard:0",
      shardText
        .replace("[1,2,3]", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]")
        .replace("[2,3,4]", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]"),
    ],
    says: "at most 15 replicas",
  },
  { name: "a wish in disorder", record: ["shard:0", shardText.replace("[2,3,4]", "[3,2,4]")], says: "no sorted list" },
  {
    name: "a wish for a node twice",
    record: ["shard:0", shardText.replace("[2,3,4]", "[2,2,3]")],
    says: "no sorted list",
  },
  { name: "a first node taken away", record: ["node:2", ""], says: "first node's" },
  { name: "a shard taken away", record: ["shard:1", ""], says: "always there" },
  { name: "a skipped entry taken away", record: ["skip:1:7", ""], says: "always there" },
  { name: "an entry skipped in a shard that is not", record: ["skip:4:7", skipText], says: "none of the 4 shards" },
  { name: "entry 0 skipped", record: ["skip:1:0", skipText], says: "not known to this version" },
  { name: "a short checksum", record: ["skip:1:7", skipText.replace("aaaa", "aaa")], says: "has a checksum" },
  { name: "a reason on two lines", record: ["skip:1:7", skipText.replace("it stops", "a\\nb")], says: "has a because" },
  { name: "the settings taken away", record: ["settings", ""], says: "always there" },
])("a record is refused, with code and cure: $name", ({ record, says }) => {
  const before = textOfState(first);
  let thrown: unknown;
  try {
    withRecords(first, 1, [["next-node", '{"version":1,"id":4}'], record]);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toMatchObject({ code: "DIRECTORY_RECORD", outcome: "notApplied" });
  expect(String(thrown)).toContain(says);
  expect(String(thrown)).toContain("Run the newest version");
  expect(textOfState(first)).toBe(before);
});

test("a node that joined and was removed may be taken away; its number stays given", () => {
  const joined = withRecords(first, 1, [
    ["node:4", fourText],
    ["next-node", '{"version":1,"id":5}'],
  ]);
  const { nodes, nextNodeId } = withRecords(joined, 2, [["node:4", ""]]);
  expect([nodes, nextNodeId]).toEqual([first.nodes, 5]);
});

test("the longest record is read", () => {
  const voters = Array.from({ length: reportMembersMax }, (_, at) => Number.MAX_SAFE_INTEGER - 65_536 * (70 - at));
  const report = {
    configurationIndex: Number.MAX_SAFE_INTEGER,
    voters,
    learners: [],
    highestReplica: voters.at(-1) ?? 0,
  };
  const text = formatShard({ shard: 0, report, wish: voterNodesOf(report) });
  expect(text.length).toBeLessThan(recordBytesMax);
  expect(withRecords(first, 1, [["shard:0", text]]).shards[0]?.report).toEqual(report);
});

const nodes = fc.record({
  id: fc.integer({ min: 1, max: 40 }),
  name: fc.string({ minLength: 1, maxLength: 20 }),
  state: fc.constantFrom("joining", "active", "draining", "drained", "removed"),
  directoryId: fc.constant("0123456789abcdef0123456789abcdef"),
  peerAddress: fc.option(fc.constantFrom({ host: "::1", port: 1 }, { host: "a-b.c", port: 65_535 }), {
    nil: undefined,
  }),
  zone: fc.constantFrom("", "a", "Z.9"),
  weight: fc.integer({ min: 1, max: 10_000 }),
  isDecommissioned: fc.boolean(),
}) satisfies fc.Arbitrary<DirectoryNode>;

/** What is said of an entry never changes. */
function skipped(shard: number, index: number): SkippedEntry {
  const checksum = index.toString(16).padStart(64, "a");
  return { shard, index, term: 1 + (index % 7), checksum, atMs: index, by: "n1", because: `of "${shard}"` };
}

/** Those that stood there stay. */
function joinedSkips(before: readonly SkippedEntry[], added: readonly SkippedEntry[]): readonly SkippedEntry[] {
  const all = new Map([...before, ...added].map((entry) => [`${entry.shard}:${entry.index}`, entry]));
  return [...all.values()].sort((one, other) => one.shard - other.shard || one.index - other.index);
}

const directories: fc.Arbitrary<DirectoryState> = fc
  .record({
    nodes: fc.uniqueArray(nodes, { selector: ({ id }) => id, maxLength: 6 }),
    replicas: fc.integer({ min: 1, max: 15 }),
    voters: fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 }), {
      minLength: 4,
      maxLength: 4,
    }),
    skips: fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 99 })), {
      selector: String,
      maxLength: 6,
    }),
  })
  .map(({ nodes: drawn, replicas, voters, skips }) => ({
    skips: skips
      .toSorted(([shard, index], [other, otherIndex]) => shard - other || index - otherIndex)
      .map(([shard, index]) => skipped(shard, index)),
    epoch: 9,
    nextNodeId: 41,
    settings: { ...first.settings, replicas },
    nodes: [...new Map([...first.nodes, ...drawn].map((node) => [node.id, node])).values()].sort((a, b) => a.id - b.id),
    shards: voters.map((list, shard) => {
      const sorted = list.toSorted((a, b) => a - b);
      const report = { configurationIndex: shard, voters: sorted, learners: [], highestReplica: 99 };
      return { shard, report, wish: sorted };
    }),
  }));

test("from any state to any other by the records between them, and to all of them from the beginning: one state, one text", () => {
  fc.assert(
    fc.property(directories, directories, (before, drawn) => {
      const after = { ...drawn, skips: joinedSkips(before.skips, drawn.skips) };
      const joined = after.nodes.filter(({ id }) => id > 3).map(({ id }) => id);
      // First nodes are never taken away; these all stand in both.
      fc.pre(before.nodes.every(({ id, directoryId }) => joined.includes(id) || directoryId !== undefined || id <= 3));
      const stepwise = withRecords(before, 9, recordsBetween(before, after));
      expect(stepwise).toEqual(after);
      const whole = withRecords(first, 9, recordsOf(after));
      expect(textOfState(whole)).toBe(textOfState(stepwise));
      const other = withRecords(first, 9, recordsOf(after).toReversed());
      expect(textOfState(other)).toBe(textOfState(whole));
    }),
    { numRuns: 100 },
  );
});
