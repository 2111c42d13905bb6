import { readFileSync, writeSync } from "node:fs";
import type { Process } from "./platform.ts";

/** Ends the process; must not return. */
export type Exit = (code: number, reason: string) => never;

/** This process. `exit` may be replaced by a host that must not end with the node (tests, an embedding program). */
export class NodeProcess implements Process {
  readonly id: number = process.pid;
  readonly runtimeVersion: string = process.versions.node;
  readonly exit: Exit;
  readonly openFilesMax: number = readOpenFilesMax();

  constructor(exit: Exit = exitNow) {
    this.exit = exit;
  }

  memory(): { readonly residentBytes: number; readonly heapBytes: number } {
    const usage = process.memoryUsage();
    return { residentBytes: usage.rss, heapBytes: usage.heapUsed };
  }

  cpu(): { readonly userUs: number; readonly systemUs: number } {
    const usage = process.cpuUsage();
    return { userUs: usage.user, systemUs: usage.system };
  }
}

/** Where there is `/proc`. Node has raised what a shell allows to what the system allows when it started. */
function readOpenFilesMax(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1")) ?? [];
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

function exitNow(code: number, reason: string): never {
  try {
    // Not through a stream: nothing that is queued would leave after this.
    writeSync(2, `coterie stops (exit code ${code}): ${reason}\n`);
  } catch {
    // Nobody reads standard error; the exit code still says it.
  }
  process.exit(code);
}
