import { writeSync } from "node:fs";
import type { Process } from "./platform.ts";

/** Ends the process; must not return. */
export type Exit = (code: number, reason: string) => never;

/** This process. `exit` may be replaced by a host that must not end with the node (tests, an embedding program). */
export class NodeProcess implements Process {
  readonly id: number = process.pid;
  readonly runtimeVersion: string = process.versions.node;
  readonly exit: Exit;

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

function exitNow(code: number, reason: string): never {
  try {
    // Not through a stream: nothing that is queued would leave after this.
    writeSync(2, `coterie stops (exit code ${code}): ${reason}\n`);
  } catch {
    // Nobody reads standard error; the exit code still says it.
  }
  process.exit(code);
}
