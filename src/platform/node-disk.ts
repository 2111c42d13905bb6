import fs from "node:fs";
import { dirname } from "node:path";
import { type Disk, DiskError, type DiskFile, type DiskLock } from "./disk.ts";
import { NodeFile, toDiskError } from "./node-file.ts";
import { lockDirectory } from "./node-lock.ts";

const fileMode = 0o600;
const directoryMode = 0o700;

/** The file system, through Node's callbacks: promises of `node:fs` cost some 120 µs more each. */
export class NodeDisk implements Disk {
  async open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile> {
    const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants;
    const flags = { read: O_RDONLY, write: O_RDWR, create: O_RDWR | O_CREAT | O_EXCL }[mode];
    const descriptor = await openDescriptor(path, flags);
    return new NodeFile(path, descriptor, mode === "read" ? undefined : await openSynced(path));
  }

  readFile(path: string): Promise<Uint8Array> {
    return call<Uint8Array>("read", path, (done) => fs.readFile(path, done));
  }

  rename(from: string, to: string): Promise<void> {
    return call<void>("rename", from, (done) => fs.rename(from, to, done));
  }

  remove(path: string): Promise<void> {
    return call<void>("remove", path, (done) => fs.unlink(path, done));
  }

  removeTree(path: string): Promise<void> {
    return call<void>("remove", path, (done) => fs.rm(path, { recursive: true, force: true }, done));
  }

  async list(path: string): Promise<readonly string[]> {
    const names = await call<string[]>("list", path, (done) => fs.readdir(path, done));
    return names.sort();
  }

  async makeDirectory(path: string): Promise<void> {
    // Not Node's own recursive form, which never returns where a parent exists and refuses (Node 20, /proc).
    const code = await mkdir(path);
    if (code === undefined) return;
    const parent = dirname(path);
    if (code === "ENOENT" && parent !== path) {
      await this.makeDirectory(parent);
      const again = await mkdir(path);
      if (again !== undefined && again !== "EEXIST") throw new DiskError(again, "make", path);
    } else if (code !== "EEXIST" || !(await isDirectory(path))) {
      throw new DiskError(code, "make", path);
    }
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot sync a folder, and keeps names by a journal.
    if (process.platform === "win32") return;
    const descriptor = await openDescriptor(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      await call<void>("sync", path, (done) => fs.fsync(descriptor, done));
    } finally {
      fs.close(descriptor);
    }
  }

  async freeBytes(path: string): Promise<number> {
    const stats = await call<fs.StatsFs>("stat", path, (done) => fs.statfs(path, done));
    return stats.bavail * stats.bsize;
  }

  lock(directory: string): Promise<DiskLock> {
    return lockDirectory(directory);
  }
}

/** A second descriptor that syncs each write; undefined where there is no such thing or no descriptor is left. */
async function openSynced(path: string): Promise<number | undefined> {
  // Elsewhere O_DSYNC is missing or weaker than `fdatasync` (macOS leaves the drive's cache alone).
  if (process.platform !== "linux") return undefined;
  try {
    return await openDescriptor(path, fs.constants.O_RDWR | fs.constants.O_DSYNC);
  } catch (error) {
    if (error instanceof DiskError) return undefined;
    throw error;
  }
}

function openDescriptor(path: string, flags: number): Promise<number> {
  return call<number>("open", path, (done) => fs.open(path, flags, fileMode, done));
}

type NodeCallback<T> = (error: Error | null, value: T) => void;

function call<T>(operation: string, path: string, start: (done: NodeCallback<T>) => void): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    start((error, value) => {
      if (error) reject(toDiskError(error, operation, path));
      else resolve(value);
    });
  });
}

/** Why the folder could not be made; undefined if it was. */
function mkdir(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    fs.mkdir(path, { mode: directoryMode }, (error) =>
      resolve(error === null ? undefined : (error.code ?? "EUNKNOWN")),
    );
  });
}

function isDirectory(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    fs.stat(path, (error, stats) => resolve(error === null && stats.isDirectory()));
  });
}
