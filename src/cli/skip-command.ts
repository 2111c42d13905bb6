/** `coterie shard skip`: an entry that stops all replicas of a shard is looked at, and left out (CONSENSUS A-4). */
import { userInfo } from "node:os";
import { type Command, Option } from "commander";
import { parseWhole } from "./argument.ts";
import { addClusterOptions, ClusterAccess, type ClusterFlags } from "./cluster-request.ts";
import { fieldsOf, itemsOf, type JsonObject, parseObject } from "./json-object.ts";
import { StatusRefusedError, UsageError } from "./refusal.ts";

interface SkipFlags extends ClusterFlags {
  readonly checksum?: string;
  readonly because?: string;
  readonly by?: string;
  readonly dryRun?: boolean;
}

const help = `
Examples:
  coterie shard skip 17 4711 --dry-run      what it is, and whom it has stopped
  coterie shard skip 17 4711 --checksum 9f3ab201 --because "issue 12"

What the entry holds is lost, at all replicas and for good. Its clients were
told UNCERTAIN. Whoever sends the command again stops the shard again: find out
first who does. Refused unless the entry has stopped a replica and holds up a
majority of them, while one that answers has gone beyond it, and while a node
answers whose version does not know of such entries.`;

export function addSkipCommand(shard: Command): void {
  const skip = shard
    .command("skip <shard> <index>")
    .summary("leave out an entry that stops a shard")
    .description("Has all replicas of a shard leave out an entry that stops whoever applies it.")
    .addOption(new Option("--checksum <digits>", "the first 8 digits of the entry's checksum, or more"))
    .addOption(new Option("--because <why>", "why, for those who look at it later"))
    .addOption(new Option("--by <who>", "who wants it (default: who you are on this machine)"))
    .option("--dry-run", "show the entry, and change nothing")
    .addHelpText("after", help);
  addClusterOptions(skip).action(skipEntry);
}

async function skipEntry(shardText: string, indexText: string, flags: SkipFlags): Promise<void> {
  const { because, by = userInfo().username, checksum, dryRun } = flags;
  // The node says of the directory's entries what can be done instead.
  const isDirectory = shardText === "directory";
  if (!isDirectory) parseWhole("The shard", { min: 0, max: 1_023 }, shardText);
  const index = parseWhole("The index", { min: 1, max: Number.MAX_SAFE_INTEGER }, indexText);
  const cluster = new ClusterAccess(flags);
  const words = ["SHARD", "SKIP", shardText, indexText];
  if (dryRun === true) {
    const found = pictureOf(await cluster.ask(["COTERIE", ...words, "DRYRUN"]));
    cluster.print(found, lines(found));
    return;
  }
  if (checksum === undefined || because === undefined)
    throw new UsageError(
      "Look at the entry with --dry-run first; then say which it is with --checksum, and --because of what.",
    );
  const epoch = await cluster.change([...words, "CHECKSUM", checksum, "BECAUSE", because, "BY", by]);
  const done = `shard ${shardText} leaves out entry ${index}, at epoch ${epoch}: its replicas go on.`;
  cluster.print({ shard: Number(shardText), index, epoch }, [done]);
}

function pictureOf(reply: unknown): JsonObject {
  const found = typeof reply === "string" ? parseObject(Buffer.from(reply, "latin1").toString("utf8")) : undefined;
  if (found !== undefined) return found;
  throw new StatusRefusedError("The node answers something else than an entry. Is it of another version?");
}

function lines({ shard, entry, reason, ...replicas }: JsonObject): readonly string[] {
  const { index, term, checksum, bytes, commandCount, commands } = fieldsOf(entry);
  const names = (list: unknown): string => itemsOf(list).join(", ") || "nobody";
  const rows = itemsOf(commands)
    .map(fieldsOf)
    .map(({ name, keys, bytes: size }) => {
      const on = itemsOf(keys).map((key) => JSON.stringify(key));
      return `  ${[String(name), ...on].join(" ")} (${String(size)} bytes)`;
    });
  const rest = Number(commandCount) - rows.length;
  return [
    `Entry ${index} of shard ${shard}, term ${term}: ${bytes} bytes, ${commandCount} commands.`,
    ...rows,
    ...(rest > 0 ? [`  and ${rest} more`] : []),
    `It has stopped ${names(replicas.stopped)}: ${reason}.`,
    `Not there yet: ${names(replicas.behind)}. No answer: ${names(replicas.silent)}.`,
    ...(itemsOf(replicas.silent).length > 0
      ? ["What does not answer must come back with a version that knows of entries that are left out."]
      : []),
    "Left out, all of these commands are lost at all replicas, and those stopped go on. Nothing has been changed. To do it:",
    `  coterie shard skip ${shard} ${index} --checksum ${String(checksum).slice(0, 16)} --because "..."`,
  ];
}
