/** Surveys and plans of recoveries as a terminal shows them, made of the values that `--json` prints and of nothing else. */
import type {
  EmptiedGroup,
  GroupFate,
  NodeSurvey,
  RecoveredGroup,
  RecoveryOutcome,
  RecoveryPlan,
  SurveyedNode,
  SurveyedReplica,
} from "../cluster/index.ts";
import { type Column, formatTable } from "./table.ts";

const surveyColumns: readonly Column[] = [
  { title: "group" },
  { title: "replica", rightAligned: true },
  { title: "term", rightAligned: true },
  { title: "committed", rightAligned: true },
  { title: "last entry", rightAligned: true },
  { title: "keys", rightAligned: true },
  { title: "state" },
];

/** What a directory holds, a line a group. */
export function formatNodeSurvey(survey: NodeSurvey): readonly string[] {
  const rows = survey.groups.map((each) => [
    nameOfGroup(each.group),
    String(each.replica),
    String(each.term),
    String(each.commitIndex),
    String(each.lastIndex),
    String(each.keyCount),
    stateOf(each),
  ]);
  const head = `${survey.name} (${survey.nodeId}) of cluster ${survey.clusterId}, as of its start no. ${survey.bootCounter}`;
  return [head, "", ...formatTable(surveyColumns, rows)];
}

function stateOf({ damage, hasGone, lastIndex }: SurveyedReplica): string {
  if (hasGone) return "gone: it was moved elsewhere";
  if (damage !== undefined) return `DAMAGED: ${damage}`;
  return lastIndex === 0 ? "empty" : "sound";
}

const planColumns: readonly Column[] = [
  { title: "group" },
  { title: "what becomes of it" },
  { title: "on" },
  { title: "keys", rightAligned: true },
  { title: "voters lost" },
];

/** What a plan does, and, as loudly as may be, what it costs. */
export function formatPlan(plan: RecoveryPlan): readonly string[] {
  const nameOf = (id: number): string =>
    [...plan.nodes, ...plan.lostNodes].find((node) => node.id === id)?.name ?? `node ${id}`;
  const rows = plan.groups.map((fate) => [nameOfGroup(fate.group), ...fateCells(fate, nameOf)]);
  const lost = plan.lostNodes.length === 0 ? "no node" : namesOf(plan.lostNodes);
  return [
    `Recovery plan ${plan.id} for cluster ${plan.clusterId}, made of the directories of ${namesOf(plan.nodes)}.`,
    "",
    `LOST FOR GOOD: ${lost}. They must NEVER run again: they are removed from the cluster.`,
    "If one of them can still be brought back, bring it back instead, or survey its directory, too.",
    "",
    ...formatTable(planColumns, rows),
    "",
    ...losses(plan),
  ];
}

function fateCells(fate: GroupFate, nameOf: (id: number) => string): readonly string[] {
  if (fate.kind === "whole") return ["not touched: it has its majority"];
  if (fate.kind === "emptied") return ["BEGINS ANEW, EMPTY", nameOf(fate.node), "0", "all"];
  const lost = [...new Set(fate.lostVoters.map((replica) => nameOf(replica % 65_536)))];
  return ["carried on by one replica", nameOf(fate.node), String(fate.keyCount), lost.join(" ")];
}

/** In sentences. */
function losses({ groups, surveys }: RecoveryPlan): readonly string[] {
  const emptied = groups.filter((fate): fate is EmptiedGroup => fate.kind === "emptied");
  const recovered = groups.filter((fate): fate is RecoveredGroup => fate.kind === "recovered");
  if (emptied.length + recovered.length === 0)
    return ["Every group has its majority: there is nothing to recover. Start the nodes."];
  const lines: string[] = [];
  if (emptied.length > 0) {
    const names = emptied.map(({ group }) => nameOfGroup(group)).join(", ");
    lines.push(
      `ALL DATA IS LOST of ${names}: no log of it is left that can be read. What was there is gone, and it begins with nothing.`,
    );
  }
  if (emptied.some(({ group }) => group === 0))
    lines.push("With the directory go its settings, the zones and weights of nodes, and drains that were under way.");
  for (const { group, lostEntries, doubtfulCount } of recovered) {
    const name = nameOfGroup(group);
    if (lostEntries !== undefined)
      lines.push(
        `LOST of ${name}: entries ${lostEntries.first} to ${lostEntries.last}, which were committed and stand in no log that can be read.`,
      );
    if (doubtfulCount > 0)
      lines.push(
        `${name}: its last ${doubtfulCount === 1 ? "entry" : `${doubtfulCount} entries`} may or may not have been acknowledged; kept.`,
      );
  }
  for (const fate of [...emptied, ...recovered]) lines.push(...notUsed(fate.group, surveys));
  const names = recovered.map(({ group }) => nameOfGroup(group)).join(", ");
  if (recovered.length > 0)
    lines.push(
      `WRITES MAY BE LOST of ${names}: whatever only the lost nodes had, acknowledged or not. Nobody can say how much that is.`,
    );
  return lines;
}

/** Somebody may know a way to read it after all. */
function notUsed(group: number, surveys: readonly NodeSurvey[]): readonly string[] {
  return surveys.flatMap(({ groups, name }) => {
    const damage = groups.find((each) => each.group === group)?.damage;
    const cure =
      "If there is a sound copy of that directory, from after the node was stopped, survey the copy instead.";
    return damage === undefined ? [] : [`NOT USED is what ${name} has of ${nameOfGroup(group)}: ${damage}. ${cure}`];
  });
}

/** What was done at a directory, and what is to be done next. */
export function formatOutcome(outcome: RecoveryOutcome, plan: RecoveryPlan | undefined): readonly string[] {
  const { begun, fenced, name } = outcome;
  const emptied = begun.filter(({ kind }) => kind === "emptied").length;
  const counts = [
    `${counted(begun.length - emptied, "group is", "groups are")} carried on`,
    `${emptied} begin empty`,
    `${fenced.length} are left to others`,
  ];
  const others = (plan?.nodes ?? []).filter(({ id }) => id !== outcome.nodeId);
  const next =
    others.length === 0
      ? "Start it now."
      : `Carry the same plan out at ${namesOf(others)}, if that is not done yet; only then start the nodes.`;
  return [`${name}: ${counts.join(", ")}. ${next}`];
}

/** What `--json` prints of a plan: all but the surveys that it was made of. */
export function planForPrograms({ surveys: _, ...plan }: RecoveryPlan): Omit<RecoveryPlan, "surveys"> {
  return plan;
}

function namesOf(nodes: readonly SurveyedNode[]): string {
  return nodes.map(({ name, id }) => `${name} (${id})`).join(", ");
}

function nameOfGroup(group: number): string {
  return group === 0 ? "directory" : `shard ${group - 1}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
