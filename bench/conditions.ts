import { execFileSync } from "node:child_process";
import { closeSync, fdatasync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import { join, resolve } from "node:path";
import { percentile } from "./statistics.ts";
import { repositoryRoot } from "./systems/coterie.ts";

/** Under which conditions the figures were measured, as lines "name: value". */
export type Conditions = Readonly<Record<string, string>>;

/** Looks at the machine, the versions and the disk that holds `directory`. */
export async function readConditions(directory: string): Promise<Conditions> {
  const disk = fileSystemOf(directory);
  const sync = await measureSync(directory);
  return {
    date: new Date().toISOString(),
    commit: readCommit(),
    machine: `${cpus()[0]?.model ?? arch()}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}`,
    "load average before": loadavg()[0]!.toFixed(2),
    disk: `${disk.type} on ${disk.device}; fdatasync after 4 KiB: ${sync}`,
    node: process.versions.node,
    "redis-server": versionOf("redis-server", ["--version"], /v=(\S+)/) ?? "not installed",
    etcd: versionOf("etcd", ["--version"], /etcd Version: (\S+)/) ?? "not installed",
  };
}

/** Whether a program is on the PATH and runs. */
export function isInstalled(program: "redis-server" | "etcd"): boolean {
  return versionOf(program, ["--version"], /(.)/) !== undefined;
}

export interface FileSystem {
  /** E.g. "ext4". */
  readonly type: string;
  readonly device: string;
}

/** The file system that holds `path`, from /proc/mounts. */
export function fileSystemOf(path: string): FileSystem {
  const absolute = `${resolve(path)}/`;
  let best = { point: "", type: "unknown", device: "unknown" };
  for (const line of readFileSync("/proc/mounts", "utf8").trimEnd().split("\n")) {
    const [device = "", point = "", kind = ""] = line.split(" ");
    const prefix = point.endsWith("/") ? point : `${point}/`;
    if (absolute.startsWith(prefix) && prefix.length >= best.point.length) best = { point: prefix, type: kind, device };
  }
  return { type: best.type, device: best.device };
}

function readCommit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, { cwd: repositoryRoot, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    const changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "bin", "package.json");
    return git("rev-parse", "--short=12", "HEAD") + (changed === "" ? "" : " with uncommitted changes");
  } catch {
    return "unknown (no git)";
  }
}

function versionOf(program: string, args: readonly string[], pattern: RegExp): string | undefined {
  try {
    const words = execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return pattern.exec(words)?.[1];
  } catch {
    return undefined;
  }
}

const syncCount = 200;

/** What a durable write costs on this disk at the least: 4 KiB into an allocated file, then `fdatasync`. */
async function measureSync(directory: string): Promise<string> {
  const path = join(directory, "fdatasync-probe");
  const file = openSync(path, "w");
  try {
    const block = Buffer.alloc(4096, 1);
    ftruncateSync(file, 0);
    for (let place = 0; place < syncCount; place++) writeSync(file, block, 0, block.length, place * block.length);
    await sync(file);
    const durations: number[] = [];
    for (let place = 0; place < syncCount; place++) {
      writeSync(file, block, 0, block.length, place * block.length);
      const startMs = performance.now();
      await sync(file);
      durations.push((performance.now() - startMs) * 1000);
    }
    return `median ${Math.round(percentile(durations, 0.5))} µs, p99 ${Math.round(percentile(durations, 0.99))} µs`;
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

function sync(file: number): Promise<void> {
  return new Promise((resolvePromise, reject) => {
    fdatasync(file, (error) => (error === null ? resolvePromise() : reject(error)));
  });
}
