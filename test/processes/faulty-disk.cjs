/**
 * Loaded into a node by NODE_OPTIONS (see faulty-disk.ts): makes the files below a directory fail as a disk would, from
 * the moment when a file beside the directory says so, for as long as it is there.
 *
 *     full       writes within a file succeed, a file that would have to grow gets ENOSPC, and no space is free
 *     refusing   every write gets ENOSPC, as on file systems that write elsewhere
 *     syncFails  what is written stays, and every sync of it ends with EIO
 *     slow       every write takes a fifth of a second longer
 *     lying      the log's writes are acknowledged as synced and never done: a planted fault, for the checkers
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
    fault === "refusing" || (fault === "full" && (position ?? 0) + length > real.fstatSync(descriptor).size);
  return isRefused ? systemError("ENOSPC", "write") : undefined;
}

function syncError(descriptor) {
  return opened.has(descriptor) && currentFault() === "syncFails" ? systemError("EIO", "fdatasync") : undefined;
}

function note(descriptor, path, flags) {
  const isSynced = typeof flags === "number" && (flags & (fs.constants.O_DSYNC ?? 0)) !== 0;
  if (isBelow(path)) opened.set(descriptor, { isSynced });
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

for (const name of ["fsync", "fdatasync"]) {
  fs[name] = (descriptor, done) => real[name](descriptor, (error) => done(error ?? syncError(descriptor) ?? null));
}

fs.fsyncSync = (descriptor) => {
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
