/** What a keyspace is made from: nothing, or the keys of another one. */
import { assert } from "../platform/index.ts";
import { type Deadline, DeadlineIndex } from "./deadline-index.ts";
import { metaOfDeadline } from "./key-leaf.ts";
import { KeyTable } from "./key-table.ts";
import { KeyTableBuilder } from "./key-table-builder.ts";
import { SessionTable } from "./session-table.ts";
import { deadlineBytes, logicalBytes, type Value } from "./value.ts";

/** The part of the state that is not keys. */
export interface KeyspaceHeader {
  readonly appliedIndex: number;
  readonly clockMs: number;
  readonly semanticsLevel: number;
}

/** All of the state. A keyspace takes it over. */
export interface KeyspaceContents {
  readonly header: KeyspaceHeader;
  readonly table: KeyTable;
  readonly deadlines: DeadlineIndex;
  readonly logicalBytes: number;
  readonly sessions: SessionTable;
}

/** A key that is added to contents. The value is given away. */
export interface AddedKey {
  readonly slot: number;
  readonly hash: number;
  readonly key: string;
  readonly value: Value;
  readonly deadline: Deadline | undefined;
  readonly revision: number;
}

export function emptyContents(): KeyspaceContents {
  return {
    header: { appliedIndex: 0, clockMs: 0, semanticsLevel: 1 },
    table: new KeyTable(),
    deadlines: new DeadlineIndex(),
    logicalBytes: 0,
    sessions: new SessionTable(),
  };
}

/** Makes contents from keys in their logical order, and sessions in the order of their last use. */
export class ContentsBuilder {
  readonly header: KeyspaceHeader;
  readonly sessions: SessionTable = new SessionTable();
  readonly #table: KeyTableBuilder = new KeyTableBuilder();
  readonly #deadlines: DeadlineIndex = new DeadlineIndex();
  #logicalBytes = 0;
  #keyCount = 0;

  constructor(header: KeyspaceHeader) {
    this.header = header;
  }

  get logicalBytes(): number {
    return this.#logicalBytes;
  }

  get keyCount(): number {
    return this.#keyCount;
  }

  /** Adds a key that stands behind all others. */
  add({ slot, hash, key, value, deadline, revision }: AddedKey): void {
    this.#keyCount++;
    this.#logicalBytes += logicalBytes(key, value);
    let meta = revision;
    if (deadline !== undefined) {
      const id = this.#deadlines.add(key, hash, deadline);
      this.#deadlines.setRevision(id, revision);
      meta = metaOfDeadline(id);
      this.#logicalBytes += deadlineBytes;
    }
    this.#table.add(slot, hash, key, value, meta);
  }

  /** All that was added. The builder is of no more use. */
  finish(): KeyspaceContents {
    const table = this.#table.finish();
    assert(table.keyCount === this.#keyCount, `${table.keyCount} keys of ${this.#keyCount} were built in`);
    return {
      header: this.header,
      table,
      deadlines: this.#deadlines,
      logicalBytes: this.#logicalBytes,
      sessions: this.sessions,
    };
  }
}
