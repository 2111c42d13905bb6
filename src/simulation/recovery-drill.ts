import {
  formatRecoveryPlan,
  formatSurvey,
  isRecoveryNeeded,
  type NodeSurvey,
  parseRecoveryPlan,
  parseSurvey,
  planRecovery,
  type RecoveryPlan,
  RecoveryRefusedError,
  recoverDirectory,
  surveyDirectory,
} from "../cluster/index.ts";
import { CoterieError, type Disk, type Platform, silentLogger } from "../platform/index.ts";
import { type ClusterMember, nodeDirectory, secret } from "./cluster-member.ts";
import type { DrawnRecovery } from "./recovery-drawing.ts";
import type { SimulatedWorld } from "./world.ts";

/** For one directory. */
const limitMs = 120_000;

export interface DrillOptions {
  readonly world: SimulatedWorld;
  /** Those that are left, stopped. */
  readonly members: readonly ClusterMember[];
  readonly recovery: DrawnRecovery;
  /** Of the nodes' logs. */
  readonly segmentBytes: number | undefined;
}

export interface DrillOutcome {
  readonly plan: RecoveryPlan;
  /** Those whose directories were surveyed. */
  readonly members: readonly ClusterMember[];
}

/**
 * What `coterie cluster survey` and `recover` do at each of the directories, by the hand of an operator who leaves out what cannot be
 * surveyed, and carries out a plan again where the power went in the middle. Surveys and plan come back from files.
 *
 * @returns undefined: none of the directories can be surveyed
 * @throws what the two commands throw
 */
export async function drillRecovery(options: DrillOptions): Promise<DrillOutcome | undefined> {
  const { world } = options;
  const found: { readonly member: ClusterMember; readonly survey: NodeSurvey }[] = [];
  for (const member of options.members) {
    const each = await survey(options, member);
    if (each !== undefined) found.push({ member, survey: each });
  }
  if (found.length === 0) return undefined;
  const members = found.map(({ member }) => member);
  const planned = planRecovery(found.map((each) => each.survey));
  const plan = parseRecoveryPlan("plan", formatRecoveryPlan(planned));
  const fates = plan.groups.map(({ group, ...fate }) => {
    return `group ${group} ${fate.kind}${fate.kind === "whole" ? "" : ` on ${fate.node}`}`;
  });
  world.trace("operator", `plan ${plan.id}: ${fates.join(", ")}`);
  if (isRecoveryNeeded(plan)) for (const member of members) await carryOut(options, member, plan);
  return { plan, members };
}

/** Undefined: it is a lost node, as docs/nodes.md has it. */
async function survey(options: DrillOptions, member: ClusterMember): Promise<NodeSurvey | undefined> {
  const { segmentBytes, world } = options;
  let found: NodeSurvey | undefined;
  try {
    found = await offline(world, member, (platform) => {
      return surveyDirectory({ ...platform, logger: silentLogger, directory: nodeDirectory, ...sized(segmentBytes) });
    });
  } catch (error) {
    if (!(error instanceof CoterieError) || !member.isExcused) throw error;
    world.trace("operator", `${member.name} cannot be surveyed: ${error.code}, ${error.message}`);
    if (!error.message.includes("Put the cluster's secret back")) return undefined;
    await offline(world, member, ({ disk }) => putSecretBack(disk, "create"));
    return survey(options, member);
  }
  if (member.isExcused && (await offline(world, member, ({ disk }) => isOtherSecret(disk))) === true) {
    world.trace("operator", `${member.name} has another secret, and gets the cluster's back`);
    await offline(world, member, ({ disk }) => putSecretBack(disk, "write"));
  }
  if (found === undefined) throw new Error(`the survey of ${member.name} has not ended`);
  return parseSurvey(member.name, formatSurvey(found));
}

const secretPath = `${nodeDirectory}/secret`;

/** Nothing else in the directory says what it is: whoever gives it at a start is told that the file holds another one. */
async function isOtherSecret(disk: Disk): Promise<boolean> {
  return (
    Buffer.from(await disk.readFile(secretPath))
      .toString("utf8")
      .trim() !== secret
  );
}

/** Which an operator has. */
async function putSecretBack(disk: Disk, mode: "create" | "write"): Promise<true> {
  const file = await disk.open(secretPath, mode);
  await new Promise<void>((resolve, reject) => {
    file.writeAndSync(Buffer.from(secret), 0, (error) => (error === undefined ? resolve() : reject(error)));
  });
  await file.close();
  await disk.syncDirectory(nodeDirectory);
  return true;
}

async function carryOut(
  { recovery, segmentBytes, world }: DrillOptions,
  member: ClusterMember,
  plan: RecoveryPlan,
): Promise<void> {
  const attempt = (given: RecoveryPlan | undefined, cutMs?: number) => {
    const work = (platform: Platform) => {
      const where = { directory: nodeDirectory, ...sized(segmentBytes) };
      return recoverDirectory({ ...platform, logger: silentLogger, ...where, plan: given });
    };
    return offline(world, member, work, cutMs);
  };
  const cutMs = recovery.cutsMs[member.name];
  if ((await attempt(plan, cutMs)) !== undefined) return;
  world.trace("operator", `${member.name} lost power while the plan was carried out there`);
  if (!recovery.isPlanGivenAgain && (await isDoneAgain(() => attempt(undefined)))) return;
  // None was begun yet, or it was carried out but for the answer; who starts then finds out which.
  await isDoneAgain(() => attempt(plan));
}

async function isDoneAgain(attempt: () => Promise<unknown>): Promise<boolean> {
  try {
    await attempt();
    return true;
  } catch (error) {
    if (error instanceof RecoveryRefusedError) return false;
    throw error;
  }
}

/** In a process of its own on the member's machine; undefined if the power went, `cutMs` after the beginning. */
async function offline<T>(
  world: SimulatedWorld,
  { machine, name }: ClusterMember,
  work: (platform: Platform) => Promise<T>,
  cutMs?: number,
): Promise<T | undefined> {
  const platform = machine.start();
  let isOver = false;
  let isCut = false;
  const over = (): void => {
    isOver = true;
  };
  const cut = (): void => {
    isCut = !isOver;
    if (isCut) machine.cutPower("random");
  };
  const promise = work(platform);
  promise.then(over, over);
  const timer = cutMs === undefined ? undefined : world.schedule(cutMs, cut);
  const hasEnded = await world.runUntil(() => isOver || isCut, limitMs);
  timer?.cancel();
  machine.kill();
  if (!hasEnded) throw new Error(`${name}'s directory takes more than ${limitMs} ms`);
  return isCut ? undefined : await promise;
}

function sized(segmentBytes: number | undefined): { readonly segmentBytes?: number } {
  return segmentBytes === undefined ? {} : { segmentBytes };
}
