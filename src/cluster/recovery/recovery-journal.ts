/**
 * `recovery.json` in a node's directory: which recovery was carried out there last, and how far it has come.
 *
 * ```
 *   preparing ── nothing is different yet: the node may start, and then the recovery has come to nothing
 *   replacing ── some groups may be replaced, others not yet: the node does not start before it is carried out to its end
 *   done ─────── kept as an account of what was decided
 * ```
 */
import { CoterieError, type Disk } from "../../platform/index.ts";
import { DirectoryUnreadableError } from "../errors.ts";
import { isHex, parseObject } from "../membership/json-fields.ts";
import { readFileIfThere, replaceFile } from "../membership/small-file.ts";
import { parseSurveys } from "./recovery-codec.ts";
import { planRecovery, type RecoveryPlan } from "./recovery-plan.ts";

export interface RecoveryJournal {
  readonly state: "preparing" | "replacing" | "done";
  readonly plan: RecoveryPlan;
  /** Of each attempt to carry it out, 32 hexadecimal digits: as the node's record counts a run. The last one's last. */
  readonly incarnations: readonly string[];
}

/** A recovery was begun in this directory and has not come to its end. */
export class RecoveryUnfinishedError extends CoterieError {
  readonly code = "RECOVERY_UNFINISHED";
  readonly directory: string;

  constructor(directory: string, planId: string, options?: { readonly cause?: unknown }) {
    const cure = `Run it again: coterie cluster recover --dir ${directory}`;
    super(`Recovery ${planId} was begun in ${directory}, and has not come to its end. ${cure}`, options);
    this.directory = directory;
  }
}

const recoveryFile = "recovery.json";
const format = 1;
const states: readonly RecoveryJournal["state"][] = ["preparing", "replacing", "done"];

/** Undefined: there never was a recovery. @throws DirectoryUnreadableError (DIRECTORY_UNREADABLE), DiskError */
export async function readRecoveryJournal(disk: Disk, directory: string): Promise<RecoveryJournal | undefined> {
  const path = `${directory}/${recoveryFile}`;
  const text = await readFileIfThere(disk, path);
  if (text === undefined) return undefined;
  const fields = parseObject(text.toString("utf8"));
  const state = states.find((known) => known === fields?.state);
  const surveys = fields?.format === format ? parseSurveys(fields.surveys) : undefined;
  const { incarnations } = fields ?? {};
  const isEveryOne = Array.isArray(incarnations) && incarnations.every((each) => isHex(each, 32));
  if (state === undefined || surveys === undefined || !isEveryOne) {
    const cure =
      "It says whether a recovery is under way here. Put the file back from a copy, or run the version that wrote it.";
    throw new DirectoryUnreadableError(path, `cannot be read. ${cure}`);
  }
  return { state, plan: planRecovery(surveys), incarnations };
}

/** Durably. @throws DiskError */
export async function writeRecoveryJournal(
  disk: Disk,
  directory: string,
  { state, plan, incarnations }: RecoveryJournal,
): Promise<void> {
  const { id: planId, surveys } = plan;
  const text = JSON.stringify({ format, state, planId, incarnations, surveys }, undefined, 1);
  await replaceFile(disk, directory, recoveryFile, `${text}\n`);
}

/** @throws RecoveryUnfinishedError (RECOVERY_UNFINISHED), DirectoryUnreadableError (DIRECTORY_UNREADABLE), DiskError */
export async function checkNotRecovering(disk: Disk, directory: string): Promise<void> {
  const journal = await readRecoveryJournal(disk, directory);
  if (journal?.state === "replacing") throw new RecoveryUnfinishedError(directory, journal.plan.id);
}
