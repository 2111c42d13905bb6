/**
 * Carries out at one node's directory what a plan says of it. Groups that the node carries on are replaced one by one, each in one
 * atomic step of the log; all that can fail has been done before the first of them. A crash leaves a directory at which the
 * same plan can be carried out again, see recovery-journal.ts:
 *
 * ```
 *   surveyed again, as the plan knows it ─► journal: preparing ─► snapshots written ─► journal: replacing
 *       ─► groups replaced in the log ─► node.json: their ids, the fences, who is removed ─► journal: done
 * ```
 *
 * Of groups that go on elsewhere the replica here is fenced off: `node.json` names a later one than the log holds, so that
 * it counts as lost and never speaks again; its data stays until another one takes its place, or it is proved gone.
 */
import { Log } from "../../log/index.ts";
import type { Clock, Disk, Logger, Random } from "../../platform/index.ts";
import type { ReplicaId } from "../../raft/index.ts";
import { NodeDirectory } from "../membership/node-directory.ts";
import { incarnationsMax } from "../membership/node-record.ts";
import { surveyLocked, takeExisting } from "./directory-survey.ts";
import {
  type RecoveryJournal,
  RecoveryUnfinishedError,
  readRecoveryJournal,
  writeRecoveryJournal,
} from "./recovery-journal.ts";
import {
  type EmptiedGroup,
  fenceOf,
  isRecoveryNeeded,
  type RecoveredGroup,
  type RecoveryPlan,
  RecoveryRefusedError,
} from "./recovery-plan.ts";
import { writeBeginning } from "./recovery-state.ts";
import { type NodeSurvey, type SurveyedReplica, surveyText } from "./recovery-survey.ts";

export interface RecoverOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The node's. */
  readonly directory: string;
  /** Undefined: the one that was begun there goes on. */
  readonly plan: RecoveryPlan | undefined;
  /** Of the log's segments. Default: as the log has it. */
  readonly segmentBytes?: number;
  /** Called before a group is read, with how many there are. */
  readonly onGroup?: (group: number, groupCount: number) => void;
}

/** What was done. */
export interface RecoveryOutcome {
  readonly nodeId: number;
  readonly name: string;
  /** Which groups begin here, sorted: by their logs, or with nothing. */
  readonly begun: readonly (RecoveredGroup | EmptiedGroup)[];
  /** Groups that go on elsewhere and whose replica here is fenced off, sorted. */
  readonly fenced: readonly number[];
}

const nothingGiven = {
  name: undefined,
  peers: undefined,
  shardCount: undefined,
  replicaCount: undefined,
  clusterId: undefined,
  secret: undefined,
  listenHost: undefined,
  address: undefined,
  join: undefined,
};

/**
 * @throws RecoveryRefusedError (RECOVERY_REFUSED): nothing was changed; RecoveryUnfinishedError (RECOVERY_UNFINISHED): it has to be
 * run again; DirectoryInUseError (DIRECTORY_IN_USE), and what `surveyDirectory` and `Log.open` throw
 */
export async function recoverDirectory(options: RecoverOptions): Promise<RecoveryOutcome> {
  const lock = await takeExisting(options);
  try {
    const journal = await readRecoveryJournal(options.disk, options.directory);
    const plan = planOf(options, journal);
    const survey = await surveyLocked(options);
    const checked = { plan, journal, survey };
    checkSurvey(options, checked);
    return await new Recovery(options, checked).run();
  } finally {
    await lock.release();
  }
}

/** @throws RecoveryRefusedError (RECOVERY_REFUSED) */
function planOf({ plan, directory }: RecoverOptions, journal: RecoveryJournal | undefined): RecoveryPlan {
  const begun = journal?.state === "done" ? undefined : journal?.plan;
  const chosen = plan ?? begun;
  if (chosen === undefined) throw new RecoveryRefusedError(`No recovery is under way in ${directory}. Give a plan.`);
  if (journal?.state === "done" && journal.plan.id === chosen.id)
    throw new RecoveryRefusedError(`Plan ${chosen.id} was carried out in ${directory} already. Start the node.`);
  if (!isRecoveryNeeded(chosen))
    throw new RecoveryRefusedError("Every group has its majority: there is nothing to recover. Start the nodes.");
  return chosen;
}

interface Checked {
  readonly plan: RecoveryPlan;
  readonly journal: RecoveryJournal | undefined;
  readonly survey: NodeSurvey;
}

/** Whether the directory is as the plan knows it, or as an attempt of the same plan left it. @throws RecoveryRefusedError */
function checkSurvey({ directory }: RecoverOptions, { plan, journal, survey }: Checked): void {
  const { clusterId, nodeId, name } = survey;
  const again = "Survey what is left again, and make another plan.";
  if (clusterId !== plan.clusterId) {
    const reason = `belongs to cluster ${clusterId}, and the plan is for ${plan.clusterId}`;
    throw new RecoveryRefusedError(`${directory} ${reason}. Nothing was changed.`);
  }
  const planned = plan.surveys.find((each) => each.nodeId === nodeId);
  if (planned === undefined || planned.directoryId !== survey.directoryId)
    throw new RecoveryRefusedError(`The plan was not made of ${directory}, which is ${name}'s. ${again}`);
  const isAttempted = journal?.plan.id === plan.id;
  const attempts = isAttempted ? journal.incarnations : [];
  if (![planned.incarnation, ...attempts].includes(survey.incarnation))
    throw new RecoveryRefusedError(`${name} has been started since ${directory} was surveyed. ${again}`);
  for (let group = 0; group < plan.groups.length; group++) {
    const [now, then] = [groupOf(survey, group), groupOf(planned, group)];
    if (surveyText(now) === surveyText(then)) continue;
    if (isAttempted && now !== undefined && now.replica === replicaAfter(plan, group, nodeId)) continue;
    throw new RecoveryRefusedError(`What ${directory} holds of group ${group} is not what was surveyed. ${again}`);
  }
}

function groupOf({ groups }: NodeSurvey, group: number): SurveyedReplica | undefined {
  return groups.find((each) => each.group === group);
}

/** The newest replica of a group on a node once the plan is carried out; undefined: it stays what it was. */
function replicaAfter(plan: RecoveryPlan, group: number, nodeId: number): ReplicaId | undefined {
  const fate = plan.groups[group];
  if (fate === undefined || fate.kind === "whole") return undefined;
  return fate.node === nodeId ? fate.successor : fenceOf(fate, nodeId);
}

class Recovery {
  constructor(options: RecoverOptions, { plan, journal, survey }: Checked) {
    this.#options = { ...options, plan };
    this.#survey = survey;
    this.#incarnation = options.random.bytes(16);
    const attempts = journal?.plan.id === plan.id ? journal.incarnations : [];
    this.#incarnations = [...attempts, Buffer.from(this.#incarnation).toString("hex")].slice(-incarnationsMax);
  }

  async run(): Promise<RecoveryOutcome> {
    const { disk, random, logger, directory } = this.#options;
    await this.#note(this.#isBegun() ? "replacing" : "preparing");
    const recovery = { incarnation: this.#incarnation };
    const node = await NodeDirectory.open({ disk, random, logger, directory, given: nothingGiven, recovery });
    try {
      await this.#replaceGroups(node);
      await this.#noteReplicas(node);
    } finally {
      await node.close();
    }
    await this.#note("done");
    const { nodeId, name } = this.#survey;
    return { nodeId, name, begun: this.#begun(), fenced: this.#fenced() };
  }

  readonly #options: RecoverOptions & { readonly plan: RecoveryPlan };
  readonly #survey: NodeSurvey;
  readonly #incarnation: Uint8Array;
  /** Of all attempts, this one included. */
  readonly #incarnations: readonly string[];

  #note(state: RecoveryJournal["state"]): Promise<void> {
    const { disk, directory, plan } = this.#options;
    return writeRecoveryJournal(disk, directory, { state, plan, incarnations: this.#incarnations });
  }

  /** All that can fail comes before the first of them is replaced. */
  async #replaceGroups(node: NodeDirectory): Promise<void> {
    const log = await this.#openLog(node);
    const failed = new Promise<never>((_, reject) => {
      log.onFailure(reject);
    });
    failed.catch(() => {});
    try {
      for (const fate of this.#missing()) await Promise.race([failed, this.#prepare(log, node, fate)]);
      await this.#note("replacing");
      await Promise.race([failed, Promise.all(this.#missing().map((fate) => this.#replace(log, fate)))]);
    } finally {
      await log.close();
    }
    node.rememberOwnEpoch(log.diskEpoch);
  }

  async #noteReplicas(node: NodeDirectory): Promise<void> {
    const { directory, plan } = this.#options;
    const removed = new Set(plan.lostNodes.map(({ id }) => id));
    const isNoted = await node.rememberRecovery(this.#replicas(), removed);
    if (!isNoted) throw new RecoveryUnfinishedError(directory, plan.id);
  }

  /** An attempt before this one has replaced a group. */
  #isBegun(): boolean {
    return this.#begun().length > this.#missing().length;
  }

  /** What is to begin here. */
  #begun(): readonly (RecoveredGroup | EmptiedGroup)[] {
    const { nodeId } = this.#survey;
    return this.#options.plan.groups.flatMap((fate) => (fate.kind !== "whole" && fate.node === nodeId ? [fate] : []));
  }

  /** … and has not begun yet. */
  #missing(): readonly (RecoveredGroup | EmptiedGroup)[] {
    return this.#begun().filter(({ group, successor }) => groupOf(this.#survey, group)?.replica !== successor);
  }

  /** Groups that have a replica here, and begin elsewhere. */
  #fenced(): readonly number[] {
    const { groups, nodeId } = this.#survey;
    return this.#options.plan.groups.flatMap((fate) => {
      const isHere = groups.some(({ group, hasGone }) => group === fate.group && !hasGone);
      return fate.kind !== "whole" && fate.node !== nodeId && isHere ? [fate.group] : [];
    });
  }

  #replicas(): Record<string, ReplicaId> {
    const { plan } = this.#options;
    const changed = [...this.#begun().map(({ group }) => group), ...this.#fenced()];
    return Object.fromEntries(
      changed.map((group) => [group, replicaAfter(plan, group, this.#survey.nodeId) ?? 0] as const),
    );
  }

  async #openLog({ record, nodeId }: NodeDirectory): Promise<Log> {
    const { disk, clock, logger, directory, segmentBytes } = this.#options;
    const { clusterId, bootCounter, diskEpoch } = record;
    const { log } = await Log.open({
      disk,
      clock,
      logger,
      directory: `${directory}/log`,
      identity: { clusterId: Buffer.from(clusterId, "hex"), nodeId },
      bootCounter,
      diskEpochSeen: diskEpoch,
      scrubIntervalMs: 0,
      ...(segmentBytes !== undefined && { segmentBytes }),
    });
    return log;
  }

  #prepare(log: Log, { record }: NodeDirectory, fate: RecoveredGroup | EmptiedGroup): Promise<void> {
    const { logger, onGroup, plan } = this.#options;
    onGroup?.(fate.group, plan.groups.length);
    return writeBeginning({ log, record, plan, logger }, fate);
  }

  #replace(log: Log, { group, successor, index, term }: RecoveredGroup | EmptiedGroup): Promise<void> {
    return new Promise((resolve) => {
      const state = { snapshot: { index, term }, hardState: { term, vote: undefined, commit: index } };
      log.beginReplicaWith(group, successor, state, resolve);
      log.flush();
    });
  }
}
