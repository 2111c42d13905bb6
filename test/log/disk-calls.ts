import type { Disk, DiskFile } from "../../src/platform/index.ts";

/** Tells of every call that changes something, right before it is made: file by file, as CONSENSUS N-2 and D-6 want it. */
export function watchedDisk(disk: Disk, onCall: (operation: string, path: string) => void): Disk {
  const watchedFile = (file: DiskFile, path: string): DiskFile => ({
    write: (bytes, position, done) => {
      onCall("write", path);
      file.write(bytes, position, done);
    },
    sync: (done) => {
      onCall("sync", path);
      file.sync(done);
    },
    writeAndSync: (bytes, position, done) => {
      onCall("write", path);
      file.writeAndSync(bytes, position, done);
    },
    read: (position, length) => file.read(position, length),
    sizeBytes: () => file.sizeBytes(),
    truncate: (sizeBytes) => {
      onCall("truncate", path);
      return file.truncate(sizeBytes);
    },
    close: () => file.close(),
  });
  return {
    open: async (path, mode) => {
      if (mode === "create") onCall("open", path);
      return watchedFile(await disk.open(path, mode), path);
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
