/**
 * The keeper: it learns over its standard input which processes and directories a run has made, and removes what is
 * left of them when that input ends, because then the run is gone, killed perhaps.
 */
import { createInterface } from "node:readline";
import { killPid, removeDirectory } from "./children.ts";

process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("SIGHUP", () => {});

const pids = new Set<number>();
const directories = new Set<string>();

for await (const line of createInterface({ input: process.stdin })) {
  const [what, value] = [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)];
  if (what === "process") pids.add(Number(value));
  else if (what === "ended") pids.delete(Number(value));
  else if (what === "directory") directories.add(value);
}

for (const pid of pids) killPid(pid);
for (const directory of directories) removeDirectory(directory);
