/** Directories and the small files in them, with errors that name the cure. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { DiskError } from "../platform/index.ts";
import { DirectoryUnusableError } from "./refusal.ts";

/** Creates `directory` where it is missing and makes sure that files can be written in it. */
export function prepareDirectory(directory: string): void {
  try {
    makeDirectory(directory);
    const probe = join(directory, `.probe-${process.pid}`);
    closeSync(openSync(probe, "w"));
    rmSync(probe);
  } catch (error) {
    throw directoryError(directory, error);
  }
}

/** Not by `recursive`: with that Node 20 never returns where the parent exists and refuses, as /proc does. */
function makeDirectory(directory: string): void {
  const parent = dirname(directory);
  if (parent !== directory && !existsSync(parent)) makeDirectory(parent);
  if (!existsSync(directory)) mkdirSync(directory, { mode: 0o700 });
}

/**
 * Writes `text` beside and renames it into place, synced: after a crash the file holds the old text or the new one.
 * `mode` is what the file's permissions become.
 */
export function writeFileDurably(path: string, text: string, mode: number): void {
  const beside = `${path}.new`;
  try {
    rmSync(beside, { force: true });
    const file = openSync(beside, "w", mode);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
    syncDirectory(dirname(path));
  } catch (error) {
    throw directoryError(dirname(path), error);
  }
}

/** The text of a file, or undefined if there is none. */
export function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw directoryError(dirname(path), error);
  }
}

/** "ENOENT" and the like; "" for what is no error of the system. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** What the system said of a directory, as an error with the cure. Anything that is no such error comes back as it is. */
export function directoryError(directory: string, error: unknown): unknown {
  const unknown =
    error instanceof DiskError
      ? `cannot be used: ${error.message}. Look at the disk, or choose another --dir.`
      : undefined;
  const reason = reasons[errnoOf(error)] ?? unknown;
  if (reason === undefined) return error;
  return new DirectoryUnusableError(directory, `${directory} ${reason}`, { cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: "cannot be written: permission denied. Choose another --dir, or change its owner or mode.",
  EPERM: "cannot be written: not permitted. Choose another --dir, or change its owner or mode.",
  EROFS: "lies on a read-only file system. Choose another --dir.",
  ENOENT: "cannot be created there. Choose another --dir.",
  ENOTDIR: "is no directory, or lies below a file. Choose another --dir.",
  EEXIST: "is a file, not a directory. Choose another --dir.",
  EISDIR: "holds a directory where a file belongs. Choose another --dir.",
  ENOSPC: "lies on a full disk. Make space, or choose another --dir.",
  EDQUOT: "is past its quota. Make space, or choose another --dir.",
  EMFILE: "cannot be opened: too many open files. Raise the limit (ulimit -n).",
  ENAMETOOLONG: "is too long a path. Choose another --dir.",
};

function syncDirectory(path: string): void {
  // Windows cannot open a directory; there a rename is durable by itself.
  if (process.platform === "win32") return;
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
