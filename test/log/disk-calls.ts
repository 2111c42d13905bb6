import type { Disk, DiskFile } from "../../src/platform/index.ts";

/** Tells of every call that changes something, right before it is made: file by file, as CONSENSUS N-2 and D-6 want it. */
export function watchedDisk(disk: Disk, onCall: (operation: string, path: string) => void): Disk {
  return {
    open: async (path, mode) => {
      if (mode === "create") onCall("open", path);
      const tell = (operation: string): void => onCall(operation, path);
      return watchedFile(await disk.open(path, mode), tell);
    },
    readFile: (path) => disk.readFile(path),
    rename: (from, to) => {
      onCall("rename", from);
      return disk.rename(from, to);
    },
    remove: (path) => {
      onCall("remove", path);
      return disk.remove(path);
    },
    removeTree: (path) => disk.removeTree(path),
    list: (path) => disk.list(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    syncDirectory: (path) => {
      onCall("sync", path);
      return disk.syncDirectory(path);
    },
    freeBytes: (path) => disk.freeBytes(path),
    lock: (path) => disk.lock(path),
  };
}

/** The same for one file that is open. */
export function watchedFile(file: DiskFile, onCall: (operation: string) => void = () => {}): DiskFile {
  return {
    write: (bytes, position, done) => {
      onCall("write");
      file.write(bytes, position, done);
    },
    sync: (done) => {
      onCall("sync");
      file.sync(done);
    },
    writeAndSync: (bytes, position, done) => {
      onCall("write");
      file.writeAndSync(bytes, position, done);
    },
    read: (position, length) => file.read(position, length),
    sizeBytes: () => file.sizeBytes(),
    truncate: (sizeBytes) => {
      onCall("truncate");
      return file.truncate(sizeBytes);
    },
    close: () => file.close(),
  };
}
