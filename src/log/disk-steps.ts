import { DiskError, type DiskFile } from "../platform/index.ts";

/** Codes by which a file system says that there is no space: passing, and known before anything was acknowledged. */
const spaceCodes: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "ESHORT"]);

/** Whether a write failed for want of space. A sync that fails is another matter, whatever its code. */
export function isOutOfSpace(error: unknown): error is DiskError {
  return error instanceof DiskError && error.operation !== "sync" && spaceCodes.has(error.code);
}

export function write(file: DiskFile, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write(bytes, position, (error) => (error === undefined ? resolve() : reject(error)));
  });
}

export function sync(file: DiskFile): Promise<void> {
  return new Promise((resolve, reject) => {
    file.sync((error) => (error === undefined ? resolve() : reject(error)));
  });
}
