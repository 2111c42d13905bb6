import type { Command } from "commander";

/** The flags that `readPassword` reads. */
export function addPasswordOptions(command: Command): Command {
  return command
    .option("--password-file <file>", "password of the Redis port, on the file's first line (or COTERIE_PASSWORD)")
    .option("--password <password>", "the same on the command line, where other users can see it");
}
