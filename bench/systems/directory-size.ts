import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";

/** Bytes that the files below `directory` take on the disk. One that goes meanwhile counts for nothing. */
export function directoryBytes(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const stat = statSync(join(directory, name), { throwIfNoEntry: false });
    if (stat?.isFile() === true) bytes += stat.blocks * 512;
  }
  return bytes;
}
