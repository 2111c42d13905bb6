import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ChildOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its standard error, and its standard output unless that is piped, go to a file there. */
  readonly logDirectory: string;
  readonly pipesOutput?: boolean;
}

/** A started process and where its words go. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly logPath: string;
}

/**
 * Every process and directory that a run makes. All of them are gone once it ends, however it ends: besides `close`, a
 * small *keeper* process holds a pipe to this one, and does the same when that pipe closes without a word.
 */
export class Children {
  readonly #keeper: ChildProcess;
  readonly #children = new Set<Child>();
  readonly #foreignPids = new Set<number>();
  readonly #directories = new Set<string>();

  constructor() {
    this.#keeper = spawn(process.execPath, [fileURLToPath(new URL("./keeper.js", import.meta.url))], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#keeper.unref();
    this.#keeper.stdin?.on("error", () => {});
  }

  /** A fresh directory below `parent` that is removed at the end. */
  temporaryDirectory(parent: string): string {
    const path = mkdtempSync(join(parent, "coterie-bench-"));
    this.#directories.add(path);
    this.#tellKeeper("directory", path);
    return path;
  }

  async start(options: ChildOptions): Promise<Child> {
    const logPath = join(options.logDirectory, `${options.name}.log`);
    const log = openSync(logPath, "a");
    const started = spawn(options.command, options.args, {
      stdio: ["ignore", options.pipesOutput === true ? "pipe" : log, log],
    });
    closeSync(log);
    await new Promise<void>((resolve, reject) => {
      started.once("spawn", resolve);
      started.once("error", reject);
    });
    const child: Child = { process: started, pid: started.pid!, logPath };
    this.#children.add(child);
    this.#tellKeeper("process", String(child.pid));
    started.once("exit", () => {
      this.#children.delete(child);
      this.#tellKeeper("ended", String(child.pid));
    });
    return child;
  }

  /** Stops a process that a child of ours started, too, when the run ends. */
  adopt(pid: number): void {
    this.#foreignPids.add(pid);
    this.#tellKeeper("process", String(pid));
  }

  /** Forgets a process that was adopted and has ended. */
  release(pid: number): void {
    this.#foreignPids.delete(pid);
    this.#tellKeeper("ended", String(pid));
  }

  /** Ends a child: asks, and after `graceMs` insists. */
  async stop(child: Child, graceMs = 3_000): Promise<void> {
    if (child.process.exitCode !== null || child.process.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.process.once("exit", () => resolve()));
    child.process.kill("SIGTERM");
    const insist = setTimeout(() => child.process.kill("SIGKILL"), graceMs);
    await ended;
    clearTimeout(insist);
  }

  /** Kills everything at once and removes the directories. Synchronous, so that it works in an exit handler. */
  close(): void {
    for (const child of this.#children) child.process.kill("SIGKILL");
    for (const pid of this.#foreignPids) killPid(pid);
    for (const directory of this.#directories) removeDirectory(directory);
    this.#directories.clear();
    this.#foreignPids.clear();
    this.#keeper.kill("SIGKILL");
  }

  #tellKeeper(what: string, value: string): void {
    if (this.#keeper.stdin?.writable === true) this.#keeper.stdin.write(`${what} ${value}\n`);
  }
}

/** The last lines that a child wrote, for an error message. */
export function lastWords(child: Child): string {
  const lines = readFileSync(child.logPath, "utf8").trimEnd().split("\n");
  return lines.slice(-5).join("\n");
}

export function killPid(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

export function removeDirectory(path: string): void {
  // A process that was just killed may still be creating a file.
  rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
