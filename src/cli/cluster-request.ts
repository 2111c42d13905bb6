/** What the commands that look at a running cluster, or change it, have in common: whom they ask, and how they print. */
import { type Command, Option } from "commander";
import { type DirectoryFacts, readFacts } from "../directory/index.ts";
import type { Reply } from "../resp/index.ts";
import { parseHost, parseRemotePort, parseWhole } from "./argument.ts";
import { type PasswordFlags, readPassword } from "./password.ts";
import { addPasswordOptions } from "./password-options.ts";
import { askRedis } from "./redis-request.ts";
import { NoAnswerError, StatusRefusedError } from "./refusal.ts";

export interface ClusterFlags extends PasswordFlags {
  readonly host: string;
  readonly port: number;
  readonly json?: boolean;
  readonly timeoutMs: number;
}

/** The flags that say which node is asked, and how the answer is printed. */
export function addClusterOptions(command: Command): Command {
  command
    .addOption(new Option("--host <host>", "where any node is").argParser(parseHost("--host")).default("127.0.0.1"))
    .addOption(new Option("--port <port>", "its Redis port").argParser(parseRemotePort("--port")).default(7_001))
    .addOption(
      new Option("--timeout-ms <ms>", "how long to wait for an answer")
        .argParser((text) => parseWhole("--timeout-ms", { min: 1, max: 600_000 }, text))
        .default(20_000),
    )
    .option("--json", "print the answer as JSON");
  return addPasswordOptions(command);
}

/** The password of `flags`, with a word on standard error where it is given carelessly. */
export function passwordOf(flags: ClusterFlags): string | undefined {
  const password = readPassword(flags, process.env.COTERIE_PASSWORD);
  if (password?.warning !== undefined) process.stderr.write(`coterie: ${password.warning}\n`);
  return password?.text;
}

/** One cluster, as the flags name it. */
export class ClusterAccess {
  constructor(flags: ClusterFlags) {
    this.#flags = flags;
    this.#password = passwordOf(flags);
  }

  /** @throws NO_ANSWER, STATUS_REFUSED */
  ask(words: readonly string[]): Promise<Reply> {
    const { host, port, timeoutMs } = this.#flags;
    return askRedis({ host, port, timeoutMs, password: this.#password, words });
  }

  /** The directory as that node knows it. @throws NO_ANSWER, STATUS_REFUSED, DIRECTORY_RECORD */
  async directory(): Promise<DirectoryFacts> {
    const reply = await this.ask(["COTERIE", "DIRECTORY"]);
    if (typeof reply === "string") return readFacts(Buffer.from(reply, "latin1").toString("utf8"));
    throw new StatusRefusedError("The node answers something else than the directory. Is it of another version?");
  }

  /** Has the directory changed; resolves with its epoch. @throws NO_ANSWER, STATUS_REFUSED */
  async change(words: readonly string[]): Promise<number> {
    try {
      return Number(await this.ask(["COTERIE", ...words]));
    } catch (error) {
      if (!(error instanceof NoAnswerError) || error.outcome !== "unknown") throw error;
      const { message, outcome } = error;
      throw new NoAnswerError(`${message} The change may still happen: look before you ask again.`, {
        cause: error,
        outcome,
      });
    }
  }

  /** `value` as JSON, or `lines` for people. */
  print(value: unknown, lines: readonly string[]): void {
    const text = this.#flags.json === true ? JSON.stringify(value) : lines.join("\n");
    process.stdout.write(`${text}\n`);
  }

  readonly #flags: ClusterFlags;
  readonly #password: string | undefined;
}
