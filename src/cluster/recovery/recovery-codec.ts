/**
 * Surveys and plans as text that people can read. What is read back is checked field by field; of a plan only its surveys are
 * taken, from which it follows.
 */
import { type Configuration, emptyConfiguration } from "../../raft/index.ts";
import { shardsMax } from "../../ring/index.ts";
import { entriesOf, isCount, isHex, isNodeId, parseObject } from "../membership/json-fields.ts";
import { parseMember } from "../membership/node-record.ts";
import { planRecovery, type RecoveryPlan, RecoveryRefusedError } from "./recovery-plan.ts";
import {
  type NodeSurvey,
  type SurveyedConfiguration,
  type SurveyedDirectory,
  type SurveyedNode,
  type SurveyedReplica,
  surveyedNode,
} from "./recovery-survey.ts";

const format = 1;
const surveyKind = "coterie survey";
const planKind = "coterie recovery plan";

const cures = {
  [surveyKind]: "coterie cluster survey --out makes one.",
  [planKind]: "coterie cluster recover --out makes one.",
};

export function formatSurvey(survey: NodeSurvey): string {
  return `${JSON.stringify({ kind: surveyKind, format, survey }, undefined, 1)}\n`;
}

export function formatRecoveryPlan(plan: RecoveryPlan): string {
  return `${JSON.stringify({ kind: planKind, format, ...plan }, undefined, 1)}\n`;
}

/** @param source where the text comes from, for the error. @throws RecoveryRefusedError (RECOVERY_REFUSED) */
export function parseSurvey(source: string, text: string): NodeSurvey {
  const survey = surveyFrom(fieldsOfKind(source, text, surveyKind).survey);
  if (survey === undefined) throw damaged(source);
  return survey;
}

/** @param source where the text comes from, for the error. @throws RecoveryRefusedError (RECOVERY_REFUSED) */
export function parseRecoveryPlan(source: string, text: string): RecoveryPlan {
  const { id, surveys } = fieldsOfKind(source, text, planKind);
  const found = parseSurveys(surveys);
  if (found === undefined) throw damaged(source);
  const plan = planRecovery(found);
  if (plan.id === id) return plan;
  const cure = "It was changed, or another version made it: make it again from the surveys.";
  throw new RecoveryRefusedError(`${source} is no plan that follows from its surveys. ${cure}`);
}

/** Undefined if they make no sense. */
export function parseSurveys(value: unknown): readonly NodeSurvey[] | undefined {
  return listOf(value, surveyFrom);
}

function fieldsOfKind(source: string, text: string, kind: keyof typeof cures): Readonly<Record<string, unknown>> {
  const fields = parseObject(text);
  if (fields?.kind !== kind) {
    const cure = fields?.kind === planKind ? "It is a plan: give it with --plan." : cures[kind];
    throw new RecoveryRefusedError(`${source} is no ${kind}. ${cure}`);
  }
  if (fields.format === format) return fields;
  throw new RecoveryRefusedError(`${source} has format ${String(fields.format)}; this version knows ${format}.`);
}

function damaged(source: string): RecoveryRefusedError {
  return new RecoveryRefusedError(`${source} is damaged, or was changed. Make it again.`);
}

function surveyFrom(value: unknown): NodeSurvey | undefined {
  const fields = fieldsFrom(value);
  const { clusterId, nodeId, name, directoryId, incarnation, bootCounter, shardCount } = fields;
  const members = listOf(fields.members, nodeFrom);
  const groups = listOf(fields.groups, replicaFrom);
  const directory = fields.directory === undefined ? undefined : directoryFrom(fields.directory);
  const isWhole =
    isHex(clusterId, 32) &&
    isNodeId(nodeId) &&
    typeof name === "string" &&
    isHex(directoryId, 32) &&
    (incarnation === "" || isHex(incarnation, 32)) &&
    isCount(bootCounter) &&
    isCount(shardCount) &&
    shardCount >= 1 &&
    shardCount <= shardsMax &&
    (directory === undefined) === (fields.directory === undefined);
  if (!isWhole || members === undefined || groups === undefined) return undefined;
  const identity = { clusterId, nodeId, name, directoryId, incarnation, bootCounter, shardCount };
  return { ...identity, members, directory, groups };
}

function nodeFrom(value: unknown): SurveyedNode | undefined {
  const member = parseMember(value);
  return member && surveyedNode(member);
}

function directoryFrom(value: unknown): SurveyedDirectory | undefined {
  const { epoch, nextNodeId, nodes, reports } = fieldsFrom(value);
  const knownNodes = listOf(nodes, nodeFrom);
  const knownReports = listOf(reports, (each) => {
    const { configurationIndex, highestReplica } = fieldsFrom(each);
    return isCount(configurationIndex) && isCount(highestReplica) ? { configurationIndex, highestReplica } : undefined;
  });
  if (!isCount(epoch) || !isCount(nextNodeId) || knownNodes === undefined || knownReports === undefined)
    return undefined;
  return { epoch, nextNodeId, nodes: knownNodes, reports: knownReports };
}

function replicaFrom(value: unknown): SurveyedReplica | undefined {
  const fields = fieldsFrom(value);
  const { group, replica, hasGone, damage, term, commitIndex, lastIndex, lastTerm, keyCount } = fields;
  const configurations = listOf(fields.configurations, configurationFrom);
  const isWhole =
    isCount(group) &&
    isCount(replica) &&
    typeof hasGone === "boolean" &&
    (damage === undefined || typeof damage === "string") &&
    isCount(term) &&
    isCount(commitIndex) &&
    isCount(lastIndex) &&
    isCount(lastTerm) &&
    isCount(keyCount);
  if (!isWhole || configurations === undefined) return undefined;
  return { group, replica, hasGone, damage, term, commitIndex, lastIndex, lastTerm, keyCount, configurations };
}

function configurationFrom(value: unknown): SurveyedConfiguration | undefined {
  const { index, configuration } = fieldsFrom(value);
  const fields = fieldsFrom(configuration);
  const lists = [fields.voters, fields.votersOutgoing, fields.learners, fields.learnersNext].map((each) =>
    listOf(each, (id) => (isCount(id) ? id : undefined)),
  );
  const [voters, votersOutgoing, learners, learnersNext] = lists;
  const { autoLeave, highestReplica } = fields;
  if (!isCount(index) || !isCount(highestReplica) || typeof autoLeave !== "boolean") return undefined;
  if (!voters || !votersOutgoing || !learners || !learnersNext) return undefined;
  const found: Configuration = { voters, votersOutgoing, learners, learnersNext, autoLeave, highestReplica };
  return { index, configuration: { ...emptyConfiguration, ...found } };
}

function fieldsFrom(value: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(entriesOf(value));
}

/** Undefined if it is no list, or one of its items makes no sense. */
function listOf<Item>(value: unknown, itemFrom: (value: unknown) => Item | undefined): readonly Item[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const items: Item[] = [];
  for (const each of value) {
    const item = itemFrom(each);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}
