/**
 * A disk below one directory that fails on demand, and forgets what was not synced when its process is killed; for processes
 * that are started with its environment.
 */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../cli/processes.ts";

/** See faulty-disk.cjs. */
export type DiskFault = "full" | "refusing" | "syncFails" | "slow" | "lying";

const preload = join(root, "test", "processes", "faulty-disk.cjs");

export class FaultyDisk {
  /** For the process that works in the directory. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #control: string;

  constructor(directory: string) {
    this.#control = `${directory}.fault`;
    this.environment = { NODE_OPTIONS: `--require ${JSON.stringify(preload)}`, COTERIE_FAULTY_DISK: directory };
  }

  begin(fault: DiskFault): void {
    writeFileSync(this.#control, fault);
  }

  end(): void {
    rmSync(this.#control, { force: true });
  }
}
