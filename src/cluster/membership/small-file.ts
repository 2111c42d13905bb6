import { type Disk, DiskError } from "../../platform/index.ts";

/** The content of a file, or undefined if there is none. @throws DiskError */
export async function readFileIfThere(disk: Disk, path: string): Promise<Buffer | undefined> {
  try {
    return Buffer.from(await disk.readFile(path));
  } catch (error) {
    if (error instanceof DiskError && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes a file beside and renames it into place: after a crash it holds the old text or the new one. @throws DiskError */
export async function replaceFile(disk: Disk, directory: string, name: string, text: string): Promise<void> {
  const path = `${directory}/${name}`;
  const beside = `${path}.new`;
  await removeIfThere(disk, beside);
  const file = await disk.open(beside, "create");
  try {
    await new Promise<void>((resolve, reject) => {
      file.writeAndSync(Buffer.from(text, "utf8"), 0, (error) => (error === undefined ? resolve() : reject(error)));
    });
  } finally {
    await file.close();
  }
  await disk.rename(beside, path);
  await disk.syncDirectory(directory);
}

/**
 * Makes the names of `directory` and the folders above it durable: a new folder in one that was not synced is gone after
 * a power cut. A folder that may not be opened was there before, and is left out.
 */
export async function syncAncestors(disk: Disk, directory: string): Promise<void> {
  const parts = directory.split("/");
  const top = directory.startsWith("/") ? "/" : ".";
  const ancestors = new Set(parts.map((_, count) => parts.slice(0, count).join("/") || top));
  await Promise.all([...ancestors].map((ancestor) => syncIfAllowed(disk, ancestor)));
}

async function syncIfAllowed(disk: Disk, directory: string): Promise<void> {
  try {
    await disk.syncDirectory(directory);
  } catch (error) {
    if (!(error instanceof DiskError) || !["EACCES", "EPERM", "ENOENT"].includes(error.code)) throw error;
  }
}

/** @throws DiskError */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!(error instanceof DiskError) || error.code !== "ENOENT") throw error;
  }
}
