import { CoterieError } from "../platform/index.ts";

/** A file is of a format version, checksum kind or record kind that this software does not know. */
export class LogFormatError extends CoterieError {
  readonly code = "LOG_FORMAT_UNSUPPORTED";
  readonly path: string;

  constructor(path: string, what: string) {
    super(`${path}: ${what}. Start it with the version of Coterie that wrote it, or a newer one; nothing was changed.`);
    this.path = path;
  }
}

/** A file belongs to another cluster or node, or carries another number than its name says. */
export class LogForeignError extends CoterieError {
  readonly code = "LOG_FOREIGN";
  readonly path: string;

  constructor(path: string, what: string) {
    super(
      `${path}: ${what}. A node's log belongs to that node alone: put back its own files, or start this node under a ` +
        "new identity in an empty directory; nothing was changed.",
    );
    this.path = path;
  }
}

/** Files of the log are gone, or none can be read at all: this node has forgotten votes and acknowledgements. */
export class LogLostError extends CoterieError {
  readonly code = "LOG_LOST";
  readonly directory: string;

  constructor(directory: string, what: string) {
    super(
      `${directory}: ${what}. This node may have forgotten votes and writes that it has acknowledged and must not go ` +
        "on under its identity: put back the missing files, or remove the node from the cluster and add it anew; " +
        "nothing was changed.",
    );
    this.directory = directory;
  }
}

/** The end of the log cannot be read, so that nobody can say whether it holds acknowledged writes. */
export class LogUnreadableError extends CoterieError {
  readonly code = "LOG_UNREADABLE";
  readonly path: string;
  readonly offset: number;

  constructor(path: string, offset: number) {
    super(
      `${path}: the disk does not give back the bytes at ${offset}, which may hold acknowledged writes. Start again; ` +
        "if it stays so the disk is failing: remove the node from the cluster and add it anew on another disk.",
    );
    this.path = path;
    this.offset = offset;
  }
}

/** There is no space to begin a segment, without which the log cannot be opened. */
export class LogDiskFullError extends CoterieError {
  readonly code = "LOG_DISK_FULL";
  readonly directory: string;

  constructor(directory: string, options: { readonly cause: unknown }) {
    super(`${directory}: no space left to open the log. Free some MiB on this file system and start again.`, options);
    this.directory = directory;
  }
}

/**
 * The disk failed. After a failed `fdatasync` nothing may be assumed of what was written before it, so the process ends;
 * at its next start the log is read again, and what was not proven durable is written anew.
 */
export class LogDiskError extends CoterieError {
  readonly code = "LOG_DISK_FAILED";
  override readonly outcome = "unknown";

  constructor(what: string, options: { readonly cause: unknown }) {
    super(`${what}. Look at the disk and the system's log, then start the node again.`, options);
  }
}

/** The node's other files are older than its log: an old copy of them was put back. */
export class LogNewerError extends CoterieError {
  readonly code = "LOG_NEWER_THAN_NODE";
  readonly bootCounter: number;
  readonly bootCounterInLog: number;

  constructor(directory: string, counters: { readonly given: number; readonly inLog: number }) {
    super(
      `${directory}: the log was written by start ${counters.inLog} of this node, and this would be start ` +
        `${counters.given}. An older copy of the node's files was put back: remove the node from the cluster and ` +
        "add it anew; nothing was changed.",
    );
    this.bootCounter = counters.given;
    this.bootCounterInLog = counters.inLog;
  }
}

/** Stored entries of a group fail their checksum or cannot be read: its replica here must neither vote nor count. */
export class LogDamagedError extends CoterieError {
  readonly code = "LOG_DAMAGED";
  readonly group: number;
  readonly path: string;
  readonly offset: number;

  constructor(place: { readonly group: number; readonly path: string; readonly offset: number }, what: string) {
    super(
      `${place.path} at ${place.offset}: ${what}. The replica of group ${place.group} on this node has lost entries and ` +
        "takes no further part; rebuild it from its peers.",
    );
    this.group = place.group;
    this.path = place.path;
    this.offset = place.offset;
  }
}

/**
 * A snapshot was not written, for want of space or of files, or since it was aborted. Nothing of it is left, and the log
 * goes on as before: try again later.
 */
export class SnapshotNotWrittenError extends CoterieError {
  readonly code = "SNAPSHOT_NOT_WRITTEN";
  readonly group: number;
  readonly path: string;

  constructor(path: string, details: { readonly group: number; readonly cause?: unknown }) {
    super(
      details.cause === undefined
        ? `${path}: the snapshot of group ${details.group} was aborted.`
        : `${path}: the snapshot of group ${details.group} could not be written. It is tried again; if there is no space ` +
            "left, free some on this file system.",
      { cause: details.cause },
    );
    this.group = details.group;
    this.path = path;
  }
}

/** A stored snapshot fails its checksum or cannot be read: it can neither be loaded nor sent. */
export class SnapshotDamagedError extends CoterieError {
  readonly code = "SNAPSHOT_DAMAGED";
  readonly group: number;
  readonly path: string;
  readonly offset: number;

  constructor(
    place: { readonly group: number; readonly path: string; readonly offset: number },
    what: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(
      `${place.path} at ${place.offset}: ${what}. A running replica of group ${place.group} makes a new snapshot; at a start ` +
        "it has lost its state and is rebuilt from its peers.",
      options,
    );
    this.group = place.group;
    this.path = place.path;
    this.offset = place.offset;
  }
}
