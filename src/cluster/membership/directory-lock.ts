import { type Disk, DiskError, type DiskLock } from "../../platform/index.ts";
import { DirectoryInUseError } from "../errors.ts";

/** Takes an existing directory for this process. @throws DirectoryInUseError (DIRECTORY_IN_USE), DiskError */
export async function takeDirectoryLock(disk: Disk, directory: string): Promise<DiskLock> {
  try {
    return await disk.lock(directory);
  } catch (error) {
    if (error instanceof DiskError && error.code === "ELOCKED")
      throw new DirectoryInUseError(directory, { cause: error });
    throw error;
  }
}
