/** The command line as a whole: its commands, its version, and which exit code an outcome has. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { CoterieError } from "../platform/index.ts";
import { addDemoCommand } from "./demo-command.ts";
import { exitCode } from "./exit-code.ts";
import { addNodeCommand } from "./node-command.ts";
import { NoAnswerError } from "./refusal.ts";
import { addRingCommand } from "./ring-command.ts";
import { addShardCommand } from "./shard-command.ts";
import { addStartCommand } from "./start-command.ts";
import { addClusterCommand, addStatusCommand } from "./status-command.ts";

const examples = `
Examples:
  coterie demo                         three nodes on this machine, until Ctrl-C
  redis-cli -p 7001 set hello world    any Redis client, any node
  coterie status                       who leads, who follows, how far
  coterie start --dir ./data/n1        bring one node back
  coterie node ls                      who is in a cluster; drain, remove
  coterie ring plan --add 1            what would move if a node joined

Each command explains itself: coterie demo --help.`;

/**
 * Runs what `words` (the command line without "node" and the script) ask for; resolves to the exit code of the
 * process. `binary` is the absolute path of `bin/coterie`.
 */
export async function runCommandLine(words: readonly string[], binary: string): Promise<number> {
  const program = buildProgram(binary);
  try {
    if (words.length === 0) program.outputHelp();
    else await program.parseAsync([...words], { from: "user" });
    return exitCode.done;
  } catch (error) {
    const { text, code } = explain(error, namedCommand(program, words));
    if (text !== undefined) process.stderr.write(`coterie: ${text}\n`);
    return code;
  }
}

/** The command that `words` name as far as they name one: "shard transfer" of `shard transfer 2 --to n4`; may be empty. */
function namedCommand(program: Command, words: readonly string[]): string {
  const named: string[] = [];
  let at: Command | undefined = program;
  for (const word of words) {
    at = at.commands.find((command) => command.name() === word);
    if (at === undefined) break;
    named.push(word);
  }
  return named.join(" ");
}

/** What to print for an error of `command` ("" where none was named), and the exit code. */
export function explain(error: unknown, command: string): { readonly text: string | undefined; readonly code: number } {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { text: undefined, code: exitCode.done };
    const help = ["coterie", command, "--help"].filter((word) => word !== "").join(" ");
    const text = error.message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
    return { text: `${text}${/[.?)]$/.test(text) ? "" : "."} See ${help}.`, code: exitCode.refused };
  }
  if (error instanceof NoAnswerError) return { text: error.message, code: exitCode.noAnswer };
  if (error instanceof CoterieError) return { text: error.message, code: exitCode.refused };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `this is a bug, please report it: ${stack}`, code: exitCode.bug };
}

function buildProgram(binary: string): Command {
  const version = readVersion();
  const program = new Command("coterie")
    .description("A linearizable, sharded key-value store that speaks the Redis protocol.")
    .version(version, "-v, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .addHelpText("after", examples);
  addDemoCommand(program, binary);
  addStartCommand(program);
  addStatusCommand(program);
  addClusterCommand(program);
  addNodeCommand(program);
  addShardCommand(program);
  addRingCommand(program);
  for (const command of program.commands) command.version(version, "-v, --version", "print the version");
  return program;
}

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const isManifest = typeof manifest === "object" && manifest !== null && "version" in manifest;
  return isManifest ? String(manifest.version) : "unknown";
}
