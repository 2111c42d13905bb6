import { expect, test } from "vitest";
import { emptyConfiguration } from "../../raft/index.ts";
import { formatRecoveryPlan, formatSurvey, parseRecoveryPlan, parseSurvey } from "./recovery-codec.ts";
import { planRecovery, RecoveryRefusedError } from "./recovery-plan.ts";
import type { NodeSurvey } from "./recovery-survey.ts";

const hex = "0123456789abcdef0123456789abcdef";
const node = { id: 2, name: "n2", state: "active", directoryId: hex } as const;

const survey: NodeSurvey = {
  clusterId: hex,
  nodeId: 1,
  name: "n1",
  directoryId: hex,
  incarnation: hex,
  bootCounter: 3,
  shardCount: 1,
  members: [{ ...node, id: 1, name: "n1", directoryId: undefined }, node],
  directory: { epoch: 4, nextNodeId: 3, nodes: [node], reports: [{ configurationIndex: 7, highestReplica: 65_538 }] },
  groups: [
    {
      group: 1,
      replica: 1,
      hasGone: false,
      damage: undefined,
      term: 4,
      commitIndex: 8,
      lastIndex: 9,
      lastTerm: 4,
      keyCount: 5,
      configurations: [{ index: 0, configuration: { ...emptyConfiguration, voters: [1, 2], learners: [3] } }],
    },
  ],
};

test("a survey and a plan come back as they were written", () => {
  expect(parseSurvey("file", formatSurvey(survey))).toEqual(survey);
  const without = { ...survey, directory: undefined, incarnation: "" };
  expect(parseSurvey("file", formatSurvey(without))).toEqual(without);
  const plan = planRecovery([survey]);
  expect(parseRecoveryPlan("file", formatRecoveryPlan(plan))).toEqual(plan);
});

const text = formatSurvey(survey);

test.for<{ what: string; parse: () => unknown; reason: RegExp }>([
  {
    what: "no JSON",
    parse: () => parseSurvey("file", text.slice(5)),
    reason: /^file is no coterie survey\. coterie cluster survey --out makes one\.$/,
  },
  {
    what: "a plan",
    parse: () => parseSurvey("file", formatRecoveryPlan(planRecovery([survey]))),
    reason: /is no coterie survey\. It is a plan: give it with --plan\.$/,
  },
  {
    what: "another format",
    parse: () => parseSurvey("file", text.replace('"format": 1', '"format": 2')),
    reason: /has format 2/,
  },
  ...["nodeId", "commitIndex", "voters", "state", "reports", "clusterId"].map((field) => ({
    what: `no ${field}`,
    parse: () => parseSurvey("file", text.replace(`"${field}"`, '"x"')),
    reason: /is damaged, or was changed/,
  })),
  {
    what: "a plan of other surveys",
    parse: () =>
      parseRecoveryPlan(
        "file",
        formatRecoveryPlan(planRecovery([survey])).replaceAll('"lastIndex": 9', '"lastIndex": 10'),
      ),
    reason: /no plan that follows from its surveys/,
  },
])("$what is refused", ({ parse, reason }) => {
  expect(parse).toThrow(RecoveryRefusedError);
  expect(parse).toThrow(reason);
});
