import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { formatSurvey, type NodeSurvey, planRecovery } from "../cluster/index.ts";
import { emptyConfiguration } from "../raft/index.ts";
import { runCommandLine } from "./command-line.ts";
import { formatNodeSurvey, formatOutcome, formatPlan } from "./recovery-report.ts";

const hex = "0123456789abcdef0123456789abcdef";
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "coterie-recovery-"));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const members = [1, 2, 3].map((id) => ({ id, name: `n${id}`, state: "active", directoryId: undefined }) as const);
const configurations = [{ index: 0, configuration: { ...emptyConfiguration, voters: [1, 2, 3] } }];

type Group = NodeSurvey["groups"][number];

function replica(group: number, id: number, changes: Partial<Group> = {}): Group {
  const log = { term: 4, commitIndex: 10, lastIndex: 12, lastTerm: 4, keyCount: 7, configurations };
  return { group, replica: id, hasGone: false, damage: undefined, ...log, ...changes };
}

function survey(nodeId: number, ...groups: readonly Group[]): NodeSurvey {
  const identity = { clusterId: hex, nodeId, name: `n${nodeId}`, directoryId: hex, incarnation: hex, bootCounter: 3 };
  return { ...identity, shardCount: 3, members, directory: undefined, groups };
}

/** n2 is damaged in shard 1; of shard 2 nothing is left; n3 is lost. */
const surveys = [
  survey(1, replica(0, 1), replica(1, 1), replica(2, 1)),
  survey(2, replica(0, 2), replica(1, 2), replica(2, 2, { damage: "its log is damaged", commitIndex: 15 })),
];

async function run(
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly out: string; readonly errors: string }> {
  let out = "";
  let errors = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    errors += String(text);
    return true;
  });
  try {
    return { code: await runCommandLine(["cluster", ...words], "/bin/coterie"), out, errors };
  } finally {
    vi.restoreAllMocks();
  }
}

function files(): readonly string[] {
  return surveys.map((each) => {
    const path = join(folder, `${each.name}.survey`);
    writeFileSync(path, formatSurvey(each));
    return path;
  });
}

test("a plan is told in words, and what it costs loudly", () => {
  const plan = planRecovery(surveys);
  expect(formatPlan(plan).slice(1)).toEqual([
    "",
    "LOST FOR GOOD: n3 (3). They must NEVER run again: they are removed from the cluster.",
    "If one of them can still be brought back, bring it back instead, or survey its directory, too.",
    "",
    "group      what becomes of it                on  keys  voters lost",
    "directory  not touched: it has its majority",
    "shard 0    not touched: it has its majority",
    "shard 1    carried on by one replica         n1     7  n2 n3",
    "shard 2    BEGINS ANEW, EMPTY                n2     0  all",
    "",
    "ALL DATA IS LOST of shard 2: no log of it is left that can be read. What was there is gone, and it begins with nothing.",
    "LOST of shard 1: entries 13 to 15, which were committed and stand in no log that can be read.",
    "NOT USED is what n2 has of shard 1: its log is damaged. If there is a sound copy of that directory, from after the node was stopped, survey the copy instead.",
    "WRITES MAY BE LOST of shard 1: whatever only the lost nodes had, acknowledged or not. Nobody can say how much that is.",
  ]);
  const alone = planRecovery(surveys.slice(0, 1));
  expect(formatPlan(alone)).toContain("shard 0: its last 2 entries may or may not have been acknowledged; kept.");
  const groups = alone.groups.map((fate) => (fate.kind === "recovered" ? { ...fate, doubtfulCount: 1 } : fate));
  expect(formatPlan({ ...alone, groups })).toContain(
    "shard 0: its last entry may or may not have been acknowledged; kept.",
  );
  expect(formatOutcome({ nodeId: 1, name: "n1", begun: [], fenced: [2] }, plan)).toEqual([
    "n1: 0 groups are carried on, 0 begin empty, 1 are left to others. Carry the same plan out at n2 (2), if that is not done yet; only then start the nodes.",
  ]);
});

test("a survey is told group by group", () => {
  expect(formatNodeSurvey(surveys[1] as NodeSurvey).slice(2)).toEqual([
    "group      replica  term  committed  last entry  keys  state",
    "directory        2     4         10          12     7  sound",
    "shard 0          2     4         10          12     7  sound",
    "shard 1          2     4         15          12     7  DAMAGED: its log is damaged",
  ]);
});

test("a dry run prints the plan and changes nothing; the same plan comes from its file", async () => {
  const path = join(folder, "plan");
  const dry = await run("recover", ...files(), "--dry-run", "--out", path);
  expect(dry).toMatchObject({ code: 0, errors: "" });
  expect(dry.out).toMatch(/^Recovery plan [0-9a-f]{12} for cluster [\s\S]*\nNothing has been changed\.\n$/);
  const written = `Written to ${path}, for coterie cluster recover --dir DIR --plan.\n`;
  expect(dry.out).toContain(`\n\n${written}Nothing`);
  expect((await run("recover", "--plan", path, "--dry-run")).out).toBe(dry.out.replace(written, ""));
  const json = JSON.parse((await run("recover", "--plan", path, "--dry-run", "--json")).out);
  expect(json).toMatchObject({ clusterId: hex, lostNodes: [{ name: "n3" }], groups: [{ kind: "whole" }, {}, {}, {}] });
  expect(json.surveys).toBeUndefined();
});

test.for<{ what: string; words: () => readonly string[]; reason: RegExp }>([
  { what: "nothing at all", words: () => [], reason: /^coterie: Give the surveys of all directories/ },
  { what: "surveys and a plan", words: () => [...files(), "--plan", "x"], reason: /not both/ },
  { what: "no directory and no dry run", words: () => files(), reason: /Say --dry-run to look at the plan/ },
  { what: "a file that is not there", words: () => [join(folder, "none"), "--dry-run"], reason: /none is not there/ },
  {
    what: "another plan's acceptance",
    words: () => [...files(), "--dir", folder, "--accept-data-loss", "yes"],
    reason: /This is plan [0-9a-f]{12}, and yes was accepted/,
  },
  { what: "a directory without a node", words: () => ["--dir", folder], reason: /No recovery is under way/ },
  { what: "a directory that is not there", words: () => ["--dir", join(folder, "none")], reason: /none is not there/ },
])("recover refuses $what", async ({ words, reason }) => {
  const { code, errors } = await run("recover", ...words());
  expect(errors).toMatch(reason);
  expect(code).toBe(2);
});

test("a survey of no node's directory is refused", async () => {
  const { code, errors } = await run("survey", "--dir", folder);
  expect(errors).toMatch(/holds no node: node\.json is missing/);
  expect(code).toBe(2);
});
