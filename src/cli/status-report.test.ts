import { expect, test } from "vitest";
import { formatBytes, formatStatus, readStatus } from "./status-report.ts";

const address = { host: "127.0.0.1", port: 7001 };

function node(name: string, status: object | null, lastContactMs: number | null = 3, gossip?: string): object {
  return { name, nodeId: 1, peer: null, lastContactMs, gossip, status };
}

function status(role: string, pid: number, changes: object = {}, groupChanges: object = {}): object {
  const group = { group: 1, role, term: 4, commitIndex: 120, appliedIndex: 119, stoppedBecause: null, ...groupChanges };
  return {
    pid,
    logBytes: 1_572_864,
    isDiskFull: false,
    attributes: { redis: `127.0.0.1:70${pid}` },
    groups: [group],
    ...changes,
  };
}

const digests = { n1: "0123456789abcdef0123456789abcdef", n2: "0123456789abcdef0123456789abcdef" };

test("every node has a row, also one that does not answer", () => {
  const lines = formatStatus({
    nodes: [node("n1", status("leader", 11), 0), node("n2", status("follower", 12)), node("n3", null, 61_000, "dead")],
    commonChecksums: [{ group: 1, index: 117, digests }],
  });
  expect(lines).toEqual([
    "node  role       term  commit  applied      log  heard  pid  Redis address",
    "n1    leader        4     120      119  1.5 MiB   0 ms   11  127.0.0.1:7011",
    "n2    follower      4     120      119  1.5 MiB   3 ms   12  127.0.0.1:7012",
    "n3    no answer     -       -        -        -   61 s    -  -",
    "",
    "At index 117: digest 0123456789abcdef (n1, n2)",
  ]);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test("who answers some nodes and not others has a line", () => {
  const n1 = node("n1", status("leader", 11), 0);
  const last = (other: object): string | undefined => formatStatus({ nodes: [n1, other], commonChecksums: [] })[4];
  expect(last(node("n2", null, 61_000, "alive"))).toBe("n2: other nodes hear it, the one that was asked does not.");
  expect(last(node("n2", null, 61_000, "dead"))).toBe(undefined);
  expect(last(node("n2", status("follower", 12), 3, "dead"))).toMatch(/^n2: it answers, though others/);
  expect(last(node("n2", status("follower", 12), 3, "suspect"))).toBe(undefined);
});

test("sessions, and damage that reading everything back has found, have a line where there are any", () => {
  const scrub = { isRunning: false, roundCount: 3, lastRoundWallMs: 1, readBytes: 5, damageCount: 2 };
  const shards = (counts: readonly number[]): object =>
    status("", 11, {
      scrub,
      groups: counts.map((sessionCount, at) => ({ group: at + 1, role: "leader", sessionCount })),
    });
  const last = (...nodes: readonly object[]): readonly string[] =>
    formatStatus({ nodes, commonChecksums: [] }).slice(-2);
  expect(last(node("n1", shards([7])))).toEqual([
    "Sessions: 7; a shard holds up to 65536, then those unused for longest go.",
    "n1: reading back what is stored has found damage (2): look at its disk.",
  ]);
  // A follower may be behind.
  const [line] = last(node("n1", shards([7, 2])), node("n2", status("follower", 12, {}, { sessionCount: 5 })));
  expect(line).toBe("Sessions: 9, at most 7 in a shard; a shard holds up to 65536, then those unused for longest go.");
});

test("replicas that move are counted, and what the directory's leader leaves to people is said once", () => {
  const moves = [{ shard: 0, from: "n1", to: "n4" }];
  const warnings = ["Zone b does not answer at all."];
  const nodes = [node("n1", status("leader", 11, { directory: { warnings } })), node("n2", status("follower", 12))];
  const lines = (count: number): readonly string[] =>
    formatStatus({ nodes, commonChecksums: [], moves: Array.from({ length: count }, () => moves[0]) }).slice(3);
  expect(lines(0)).toEqual(["", ...warnings]);
  expect(lines(1)).toEqual(["", "1 replica moves: see coterie shard ls.", ...warnings]);
  expect(lines(3)[1]).toBe("3 replicas move: see coterie shard ls.");
});

test("what is wrong with the directory has a line", () => {
  const replica = { group: 0, role: "follower", stoppedBecause: null, rebuild: null, warnings: [] };
  const lines = (...directories: readonly object[]): readonly string[] => {
    const nodes = directories.map((directory, at) =>
      node(`n${at + 1}`, status(at === 0 ? "leader" : "follower", 11, { directory })),
    );
    return formatStatus({ nodes, commonChecksums: [] }).slice(directories.length + 2);
  };
  expect(lines({ ...replica, role: "leader" }, replica)).toEqual([]);
  const rebuild = { node: "n2", step: "asking" };
  expect(lines(replica, { ...replica, role: "stopped", stoppedBecause: "its log is damaged", rebuild })).toEqual([
    "No node leads the directory: nodes cannot come or go until most of those that vote on it are up.",
    "n2: its replica of the directory has stopped: its log is damaged",
    "n2: its replica of the directory is rebuilt from its peers: it waits for a leader, which a majority of whole replicas elects",
  ]);
});

test.for([
  {
    name: "finished",
    semantics: { level: 2, levelMax: 2, nodes: [{ name: "n1", knows: 2 }], isUpgradeFinished: true },
    says: ["Semantics level 2, the highest that all nodes know."],
  },
  {
    name: "finished, as far as nodes answer",
    semantics: {
      level: 2,
      levelMax: 2,
      nodes: [
        { name: "n1", knows: 2 },
        { name: "n2", knows: null },
      ],
      isUpgradeFinished: true,
    },
    says: ["Semantics level 2, the highest that all nodes that answer know."],
  },
  {
    name: "in the middle",
    semantics: {
      level: 1,
      levelMax: 2,
      nodes: [
        { name: "n1", knows: 2 },
        { name: "n2", knows: 1 },
      ],
      isUpgradeFinished: false,
    },
    says: [
      "Semantics level 1, and some nodes know 2: the upgrade is not finished. Still to be upgraded: n2 (level 1); then coterie cluster finish-upgrade",
    ],
  },
  {
    name: "all but finished",
    semantics: { level: 1, levelMax: 2, nodes: [{ name: "n1", knows: 2 }], isUpgradeFinished: false },
    says: [
      "Semantics level 1, and all nodes know 2: the upgrade is not finished. To finish it, for good: coterie cluster finish-upgrade",
    ],
  },
  {
    name: "finished, with an older version that came back",
    semantics: {
      level: 2,
      levelMax: 2,
      nodes: [
        { name: "n1", knows: 2 },
        { name: "n2", knows: 1 },
      ],
      isUpgradeFinished: false,
    },
    says: ["Semantics level 2, which the version of n2 (level 1) does not know: upgrade there."],
  },
  { name: "not known", semantics: { level: null, levelMax: null, nodes: [], isUpgradeFinished: true }, says: [] },
  { name: "not said by another version", semantics: undefined, says: [] },
])("how far an upgrade is has a line: $name", ({ semantics, says }) => {
  const lines = formatStatus({ nodes: [node("n1", status("leader", 11))], commonChecksums: [], semantics });
  expect(lines.slice(3)).toEqual(says);
});

function shardsOf(led: readonly number[]): object {
  const groups = [0, 1, 2].map((shard) => ({
    group: shard + 1,
    slots: { first: shard * 10, last: shard * 10 + 9 },
    role: led.includes(shard) ? "leader" : "follower",
    leader: "n1",
    term: 4,
    commitIndex: 120,
    appliedIndex: led.includes(shard) ? 120 : 118,
    keyCount: 7,
    stoppedBecause: null,
  }));
  return status("", 11, { groups });
}

test("of several shards each has a row of its own, as its leader sees it", () => {
  const checksum = (group: number, n2: string): object => ({ group, index: 117, digests: { n1: "a", n2 } });
  const nodes = [node("n1", shardsOf([0, 2]), 0), node("n2", shardsOf([1]))];
  const lines = formatStatus({ nodes, commonChecksums: [checksum(1, "a"), checksum(2, "a"), checksum(3, "a")] });
  expect(lines).toEqual([
    "node  role              log  heard  pid  Redis address",
    "n1    leads 2 of 3  1.5 MiB   0 ms   11  127.0.0.1:7011",
    "n2    leads 1 of 3  1.5 MiB   3 ms   11  127.0.0.1:7011",
    "",
    "shard  slots  leader  term  commit  applied everywhere  keys",
    "    0  0-9    n1         4     120                 118     7",
    "    1  10-19  n1         4     120                 118     7",
    "    2  20-29  n1         4     120                 118     7",
    "",
    "The digests of 3 shards are the same at all replicas.",
  ]);
  const wrong = formatStatus({
    nodes: [node("n1", shardsOf([0]))],
    commonChecksums: [checksum(1, "a"), checksum(2, "b")],
  });
  expect(wrong.slice(-2)).toEqual([
    "Shard 1, at index 117: THE DIGESTS DIFFER a (n1), b (n2)",
    "2 of 3 shards have no leader: reads and writes wait until a majority of the 1 nodes is up.",
  ]);
});

test("of shards that are on some of the nodes each is shown once, and one whose nodes are all silent is missed", () => {
  const groups = (shards: readonly number[], led: readonly number[]): object =>
    status("", 11, {
      groups: shards.map((shard) => ({
        group: shard + 1,
        slots: { first: shard * 10, last: shard * 10 + 9 },
        role: led.includes(shard) ? "leader" : "follower",
        leader: `n${shard + 1}`,
        term: 4,
        commitIndex: 120,
        appliedIndex: 119,
        keyCount: shard,
      })),
    });
  const nodes = [node("n1", groups([0, 2], [0])), node("n2", groups([2], [2])), node("n3", groups([], []))];
  expect(formatStatus({ shardCount: 4, nodes, commonChecksums: [] })).toEqual([
    "node  role              log  heard  pid  Redis address",
    "n1    leads 1 of 2  1.5 MiB   3 ms   11  127.0.0.1:7011",
    "n2    leads 1 of 1  1.5 MiB   3 ms   11  127.0.0.1:7011",
    "n3    leads 0 of 0  1.5 MiB   3 ms   11  127.0.0.1:7011",
    "",
    "shard  slots  leader  term  commit  applied everywhere  keys",
    "    0  0-9    n1         4     120                 119     0",
    "    1  ---    -          -       -                   -     -",
    "    2  20-29  n3         4     120                 119     2",
    "    3  ---    -          -       -                   -     -",
    "",
    "2 of 4 shards have no leader: reads and writes wait until a majority of the 3 nodes is up.",
  ]);
});

test("digests that differ stand out", () => {
  const lines = formatStatus({
    nodes: [node("n1", status("leader", 11))],
    commonChecksums: [{ group: 1, index: 117, digests: { ...digests, n3: "fedcba9876543210fedcba9876543210" } }],
  });
  expect(lines.at(-1)).toBe("At index 117: THE DIGESTS DIFFER 0123456789abcdef (n1, n2), fedcba9876543210 (n3)");
});

test("a cluster of some age fits a terminal of 80 columns", () => {
  const grown = { term: 104, commitIndex: 4_123_456, appliedIndex: 4_123_450 };
  const group = { group: 1, role: "follower", stoppedBecause: null, ...grown };
  const old = status("follower", 123_456, {
    groups: [group],
    logBytes: 256.4 * 1_048_576,
    attributes: { redis: "127.0.0.1:7012" },
  });
  const lines = formatStatus({
    nodes: [node("n1", old, 987), node("n2", old, 1_954), node("n3", null, 3_600_000)],
    commonChecksums: [{ group: 1, index: 4_123_456, digests: { ...digests, n3: digests.n1 } }],
  });
  expect(lines[1]).toBe("n1    follower    104  4123456  4123450  256 MiB  987 ms  123456  127.0.0.1:7012");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
});

test("what is wrong is said below", () => {
  const leftOut = [{ index: 5, by: "ann", because: "issue 12" }];
  const broken = "an invariant is broken, I-8: commit went back from 5 to 4";
  const lines = formatStatus({
    nodes: [
      node("n1", status("follower", 11, { isDiskFull: true, isDiskSlow: true, syncMs: 62.6 })),
      node("n2", status("stopped", 12, {}, { stoppedBecause: "entry 7 cannot be read" })),
      node("n5", status("stopped", 12, {}, { stoppedBecause: "Error: x", stoppedBy: { index: 7 }, leftOut })),
      node("n4", status("stopped", 13, {}, { stoppedBecause: broken, brokenInvariant: "I-8" })),
      node("n3", null, null),
    ],
    commonChecksums: [],
  });
  expect(lines.slice(6)).toEqual([
    "",
    "No node leads: reads and writes wait until a majority of the 5 nodes is up.",
    "n1: the disk is full; writes are refused until there is space.",
    "n1: the disk is slow beside the others' (a sync takes 63 ms); other nodes lead where they can.",
    "n2: the replica has stopped: entry 7 cannot be read",
    "n5: the replica has stopped: Error: x (to look at the entry: coterie shard skip 0 7 --dry-run)",
    "n4: the replica has stopped: an invariant is broken, I-8: commit went back from 5 to 4",
    "Shard 0 leaves out entry 5: ann said so, because of issue 12.",
  ]);
});

test("a status of another version is shown as far as it is understood", () => {
  expect(formatStatus({ nodes: [{ name: "n1", status: { groups: [{ role: "leader" }] } }, 7] })).toEqual([
    "node  role       term  commit  applied  log  heard  pid  Redis address",
    "n1    leader        -       -        -    -  never    -  -",
    "-     no answer     -       -        -    -  never    -  -",
  ]);
});

test("a status is JSON in UTF-8 with nodes", () => {
  const bytes = Buffer.from('{"nodes":[{"name":"né"}]}', "utf8").toString("latin1");
  expect(readStatus(address, bytes)).toEqual({ nodes: [{ name: "né" }] });
});

test.for(["", "OK", "[]", '{"nodes":1}'])("%j is no status", (reply) => {
  expect(() => readStatus(address, reply)).toThrow("127.0.0.1:7001 answers something else than a status");
});

test.for([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [150 * 1024, "150 KiB"],
  [3.25 * 1024 ** 3, "3.3 GiB"],
] as const)("%i bytes are %s", ([bytes, text]) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.for([
  { rebuild: { step: "asking" }, says: "it waits for a leader, which a majority of whole replicas elects" },
  { rebuild: { step: "beginning" }, says: "its successor begins" },
  { rebuild: { step: "copying", matchIndex: 7 }, says: "entry 7" },
  { rebuild: { step: "copying", matchIndex: 7, lastIndex: 120 }, says: "entry 7 of 120" },
  {
    rebuild: { step: "copying", matchIndex: 0, receivedBytes: 1_048_576, snapshotBytes: 3_145_728 },
    says: "1.0 MiB of 3.0 MiB of a snapshot",
  },
  { rebuild: { step: "changing" }, says: "the members change" },
])("a replica that is made anew says how far it is: $says", ({ rebuild, says }) => {
  const replica = status("learner", 13, {}, { rebuild: { node: "n3", ...rebuild } });
  const lines = formatStatus({ nodes: [node("n1", status("leader", 11)), node("n3", replica)], commonChecksums: [] });
  expect(lines.slice(3)).toEqual(["", `n3: the replica is rebuilt from its peers: ${says}`]);
});

test("of one that is made anew its leader knows most", () => {
  const rebuild = { node: "n3", step: "copying", matchIndex: 7, lastIndex: 120 };
  const nodes = [
    node("n1", status("leader", 11, {}, { rebuild })),
    node("n3", status("learner", 13, {}, { rebuild: { ...rebuild, lastIndex: null } })),
  ];
  expect(formatStatus({ nodes, commonChecksums: [] }).slice(3)).toEqual([
    "",
    "n3: the replica is rebuilt from its peers: entry 7 of 120",
  ]);
});
