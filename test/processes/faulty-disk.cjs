/**
 * Loaded into a node by NODE_OPTIONS (see faulty-disk.ts): makes the files below a directory fail as a disk would, from
 * the moment when a file beside the directory says so, for as long as it is there.
 *
 *     full       writes within a file succeed, a file that would have to grow gets ENOSPC, and no space is free
 *     refusing   every write gets ENOSPC, as on file systems that write elsewhere
 *     syncFails  what is written stays, and every sync of it ends with EIO
 *     slow       every write takes a fifth of a second longer
 *     lying      the log's writes are acknowledged as synced and never done: a planted fault, for the checkers
 *
 * At all times what was not synced is lost when the process is killed: until then it is kept in memory. (Names are not:
 * what was created, renamed or removed stays so.)
 */
"use strict";

const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const { sep } = require("node:path");

const directory = process.env.COTERIE_FAULTY_DISK;
const control = `${directory}.fault`;
const real = { ...fs };
/** Of the open files below the directory. */
const opened = new Map();

function currentFault() {
  try {
    return real.readFileSync(control, "utf8");
  } catch {
    return "";
  }
}

function isBelow(path) {
  return typeof path === "string" && (path === directory || path.startsWith(directory + sep));
}

function systemError(code, syscall) {
  return Object.assign(new Error(`${code}: on purpose, ${syscall}`), { code, syscall });
}

/** Undefined where the write may go on. */
function writeError(descriptor, length, position) {
  if (!opened.has(descriptor)) return undefined;
  const fault = currentFault();
  const isRefused =
    fault === "refusing" ||
    (fault === "full" && (position ?? 0) + length > sizeWith(unsyncedOf(descriptor), real.fstatSync(descriptor).size));
  return isRefused ? systemError("ENOSPC", "write") : undefined;
}

function syncError(descriptor) {
  return opened.has(descriptor) && currentFault() === "syncFails" ? systemError("EIO", "fdatasync") : undefined;
}

function note(descriptor, path, flags) {
  const isSynced = typeof flags === "number" && (flags & (fs.constants.O_DSYNC ?? 0)) !== 0;
  if (isBelow(path)) opened.set(descriptor, { isSynced, path });
}

/** By path: writes that no sync has covered, the oldest first. */
const unsynced = new Map();

function unsyncedOf(descriptor) {
  return unsynced.get(opened.get(descriptor)?.path) ?? [];
}

function sizeWith(writes, size) {
  return writes.reduce((end, { bytes, position }) => Math.max(end, position + bytes.length), size);
}

/** What a sync does first. */
function writeBack(descriptor) {
  const path = opened.get(descriptor)?.path;
  const writes = unsynced.get(path) ?? [];
  unsynced.delete(path);
  // By a descriptor of its own: the one that is synced may be open for reading only.
  const target = writes.length === 0 ? undefined : real.openSync(path, "r+");
  for (const { bytes, position } of writes) real.writeSync(target, bytes, 0, bytes.length, position);
  if (target !== undefined) real.closeSync(target);
}

fs.open = (path, flags, mode, done) =>
  real.open(path, flags, mode, (error, descriptor) => {
    if (error === null) note(descriptor, path, flags);
    done(error, descriptor);
  });

fs.openSync = (path, flags, mode) => {
  const descriptor = real.openSync(path, flags, mode);
  note(descriptor, path, flags);
  return descriptor;
};

fs.close = (descriptor, done) => {
  opened.delete(descriptor);
  real.close(descriptor, done);
};

fs.closeSync = (descriptor) => {
  opened.delete(descriptor);
  real.closeSync(descriptor);
};

fs.write = (descriptor, bytes, offset, length, position, done) => {
  const error = writeError(descriptor, length, position);
  if (error !== undefined) {
    setImmediate(done, error, 0);
    return;
  }
  const isSynced = opened.get(descriptor)?.isSynced === true;
  const fault = opened.has(descriptor) ? currentFault() : "";
  if (fault === "lying" && isSynced) {
    setImmediate(done, null, length);
    return;
  }
  if (opened.has(descriptor) && !isSynced) {
    const path = opened.get(descriptor).path;
    const bytesNow = Buffer.from(bytes.subarray(offset, offset + length));
    unsynced.set(path, [...(unsynced.get(path) ?? []), { bytes: bytesNow, position }]);
    setTimeout(done, fault === "slow" ? 200 : 0, null, length);
    return;
  }
  const write = () =>
    real.write(descriptor, bytes, offset, length, position, (failure, count) => {
      // Written through to the disk: the sync is part of the write.
      const late = isSynced ? syncError(descriptor) : undefined;
      done(failure ?? late ?? null, count);
    });
  if (fault === "slow") setTimeout(write, 200);
  else write();
};

fs.writeSync = (descriptor, data, ...rest) => {
  const error = writeError(descriptor, data.length, undefined);
  if (error !== undefined) throw error;
  return real.writeSync(descriptor, data, ...rest);
};

fs.read = (descriptor, bytes, offset, length, position, done) =>
  real.read(descriptor, bytes, offset, length, position, (error, count) => {
    const writes = unsyncedOf(descriptor);
    if (error !== null || writes.length === 0) {
      done(error, count);
      return;
    }
    bytes.fill(0, offset + count, offset + length);
    for (const write of writes) {
      const from = Math.max(write.position, position);
      const to = Math.min(write.position + write.bytes.length, position + length);
      if (from < to) write.bytes.copy(bytes, offset + from - position, from - write.position, to - write.position);
    }
    done(null, Math.max(count, Math.min(length, sizeWith(writes, 0) - position)));
  });

fs.fstat = (descriptor, done) =>
  real.fstat(descriptor, (error, stats) => {
    if (error === null) stats.size = sizeWith(unsyncedOf(descriptor), stats.size);
    done(error, stats);
  });

fs.rename = (from, to, done) =>
  real.rename(from, to, (error) => {
    if (error === null) {
      const writes = unsynced.get(from);
      unsynced.delete(from);
      unsynced.delete(to);
      if (writes !== undefined) unsynced.set(to, writes);
      for (const file of opened.values()) if (file.path === from) file.path = to;
    }
    done(error);
  });

fs.unlink = (path, done) => {
  unsynced.delete(path);
  real.unlink(path, done);
};

for (const name of ["fsync", "fdatasync"]) {
  fs[name] = (descriptor, done) => {
    writeBack(descriptor);
    real[name](descriptor, (error) => done(error ?? syncError(descriptor) ?? null));
  };
}

fs.fsyncSync = (descriptor) => {
  writeBack(descriptor);
  real.fsyncSync(descriptor);
  const error = syncError(descriptor);
  if (error !== undefined) throw error;
};

fs.statfs = (path, done) =>
  real.statfs(path, (error, stats) => {
    const isFull = isBelow(path) && ["full", "refusing"].includes(currentFault());
    done(error, isFull ? { ...stats, bavail: 0, bfree: 0 } : stats);
  });

syncBuiltinESMExports();
