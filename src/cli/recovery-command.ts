/** `coterie cluster survey` and `coterie cluster recover`: what is left of a cluster, and how it goes on. */
import { createInterface } from "node:readline/promises";
import { type Command, Option } from "commander";
import {
  formatRecoveryPlan,
  formatSurvey,
  isRecoveryNeeded,
  parseRecoveryPlan,
  parseSurvey,
  planRecovery,
  type RecoveryPlan,
  RecoveryRefusedError,
  recoverDirectory,
  surveyDirectory,
} from "../cluster/index.ts";
import { createNodePlatform, silentLogger } from "../platform/index.ts";
import { directoryError, readFileIfThere, writeFileDurably } from "./directory.ts";
import { formatNodeSurvey, formatOutcome, formatPlan, planForPrograms } from "./recovery-report.ts";
import { UsageError } from "./refusal.ts";

interface SurveyFlags {
  readonly dir: string;
  readonly out?: string;
  readonly json?: boolean;
}

interface RecoverFlags {
  readonly dir?: string;
  readonly plan?: string;
  readonly out?: string;
  readonly dryRun?: boolean;
  readonly acceptDataLoss?: string;
  readonly json?: boolean;
}

const surveyHelp = `
The node must be stopped. Nothing in the directory is changed; all of it is
read, which takes about as long as a start.

Examples:
  coterie cluster survey --dir /var/lib/coterie --out n1.survey
  coterie cluster survey --dir ./data/n1 --json`;

const recoverHelp = `
It LOSES DATA: bring lost nodes back if there is any way to. Stop all nodes
that are left, copy their directories, then:

Examples:
  coterie cluster survey --dir DIR --out n1.survey     at each of them
  coterie cluster recover n1.survey n4.survey --dry-run --out plan
  coterie cluster recover --dir DIR --plan plan        at each; then start them
  coterie cluster recover --dir DIR             goes on where it was cut short

docs/nodes.md tells it step by step.`;

const ownerOnly = 0o600;

export function addRecoveryCommands(cluster: Command): void {
  cluster
    .command("survey")
    .summary("tell what a stopped node's directory holds")
    .description("Tells what the directory of a stopped node holds, for a recovery of its cluster.")
    .requiredOption("--dir <directory>", "the stopped node's directory")
    .option("--out <file>", "write the survey to a file, for coterie cluster recover")
    .option("--json", "print the survey as JSON")
    .addHelpText("after", surveyHelp)
    .action(survey);
  cluster
    .command("recover [surveys...]")
    .summary("go on after majorities were lost for good; loses data")
    .description(
      "Has a cluster go on whose shards have lost their majority for good. What only the lost nodes had is LOST.",
    )
    .option("--dir <directory>", "carry the plan out at this stopped node")
    .option("--plan <file>", "a plan that --out has written, instead of surveys")
    .option("--out <file>", "write the plan to a file")
    .option("--dry-run", "say what would be done and lost, and change nothing")
    .addOption(new Option("--accept-data-loss <plan>", "the id of the plan that was looked at, instead of being asked"))
    .option("--json", "print the plan, or what was done, as JSON")
    .addHelpText("after", recoverHelp)
    .action(recover);
}

async function survey({ dir, out, json }: SurveyFlags): Promise<void> {
  const { disk, clock } = createNodePlatform();
  const found = await inDirectory(dir, () =>
    surveyDirectory({ disk, clock, logger: silentLogger, directory: dir, onGroup: telling("reading") }),
  );
  if (out !== undefined) writeFileDurably(out, formatSurvey(found), ownerOnly);
  const written = out === undefined ? [] : ["", `Written to ${out}, for coterie cluster recover.`];
  print(json === true ? [JSON.stringify(found)] : [...formatNodeSurvey(found), ...written]);
}

async function recover(surveys: readonly string[], flags: RecoverFlags): Promise<void> {
  const { dir, out, json } = flags;
  const plan = planFrom(surveys, flags);
  if (plan === undefined) {
    if (dir === undefined || flags.dryRun === true || out !== undefined)
      throw new UsageError("Give the surveys of all directories that are left, or --plan with a file.");
  } else {
    if (out !== undefined) writeFileDurably(out, formatRecoveryPlan(plan), ownerOnly);
    if (json !== true) print(formatPlan(plan));
    if (flags.dryRun === true) {
      const written = out === undefined ? [] : [`Written to ${out}, for coterie cluster recover --dir DIR --plan.`];
      print(json === true ? [JSON.stringify(planForPrograms(plan))] : ["", ...written, "Nothing has been changed."]);
      return;
    }
    if (dir === undefined)
      throw new UsageError("Say --dry-run to look at the plan, or --dir with the directory at which to carry it out.");
    if (isRecoveryNeeded(plan)) await accept(plan, flags.acceptDataLoss);
  }
  const platform = createNodePlatform();
  const outcome = await inDirectory(dir, () =>
    recoverDirectory({ ...platform, logger: silentLogger, directory: dir, plan, onGroup: telling("carrying on") }),
  );
  print(json === true ? [JSON.stringify(outcome)] : ["", ...formatOutcome(outcome, plan)]);
}

function planFrom(surveys: readonly string[], { plan }: RecoverFlags): RecoveryPlan | undefined {
  if (plan !== undefined && surveys.length > 0) throw new UsageError("Give surveys or --plan, not both.");
  if (plan !== undefined) return parseRecoveryPlan(plan, textOf(plan));
  return surveys.length === 0 ? undefined : planRecovery(surveys.map((path) => parseSurvey(path, textOf(path))));
}

function textOf(path: string): string {
  const text = readFileIfThere(path);
  if (text === undefined) throw new UsageError(`${path} is not there.`);
  return text;
}

/** @throws RecoveryRefusedError (RECOVERY_REFUSED) unless the loss is accepted, by the plan's own name */
async function accept({ id }: RecoveryPlan, accepted: string | undefined): Promise<void> {
  if (accepted === id) return;
  if (accepted !== undefined)
    throw new RecoveryRefusedError(`This is plan ${id}, and ${accepted} was accepted. Nothing was changed.`);
  const how = `Nothing was changed. Look at it, then say --accept-data-loss ${id}.`;
  if (!process.stdin.isTTY) throw new RecoveryRefusedError(`The loss of data was not accepted. ${how}`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = await lines.question(`\nThis cannot be undone. To lose what is lost, type the plan's id (${id}): `);
    if (typed.trim() !== id) throw new RecoveryRefusedError(`"${typed.trim()}" is not the plan's id. ${how}`);
  } finally {
    lines.close();
  }
}

/** What the system says of a directory, with the cure. */
async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw directoryError(directory, error);
  }
}

/** How far it is, on a terminal. */
function telling(what: string): (group: number, groupCount: number) => void {
  return (group, groupCount) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${what}: group ${group} of ${groupCount - 1} \r`);
  };
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join("\n")}\n`);
}
