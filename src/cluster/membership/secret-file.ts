import type { Disk } from "../../platform/index.ts";
import { DirectoryUnreadableError } from "../errors.ts";
import { readFileIfThere, replaceFile } from "./small-file.ts";

/** In a node's directory: the secret of its cluster. */
const secretFile = "secret";

/** @throws DirectoryUnreadableError (DIRECTORY_UNREADABLE): it is missing; DiskError */
export async function readSecret(disk: Disk, directory: string): Promise<string> {
  const path = `${directory}/${secretFile}`;
  const secret = (await readFileIfThere(disk, path))?.toString("utf8").trim();
  if (secret !== undefined && secret !== "") return secret;
  throw new DirectoryUnreadableError(path, "is missing. Put the cluster's secret back, as the other nodes have it.");
}

/** Durably. @throws DiskError */
export function writeSecret(disk: Disk, directory: string, secret: string): Promise<void> {
  return replaceFile(disk, directory, secretFile, `${secret}\n`);
}
