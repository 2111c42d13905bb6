/**
 * The directory as this node knows it: made of the records in its replica of the directory's group, and kept up as entries
 * are applied and snapshots installed. It may be behind, as the replica may; it never goes back while the node runs.
 */
import {
  type DirectoryRecord,
  DirectoryRecordError,
  type DirectoryState,
  nodeKey,
  withRecords,
} from "../../directory/index.ts";
import { directoryEpochKey, epochOf, type Keyspace } from "../../keyspace/index.ts";
import type { Logger } from "../../platform/index.ts";

/** Called with the new state and the one before it. */
export type DirectoryListener = (state: DirectoryState, before: DirectoryState) => void;

export class DirectoryCopy {
  constructor(options: {
    /** The directory at epoch 0. */
    readonly genesis: DirectoryState;
    readonly logger: Logger;
    readonly onChange: DirectoryListener;
  }) {
    this.#genesis = options.genesis;
    this.#logger = options.logger;
    this.#onChange = options.onChange;
    this.#state = options.genesis;
  }

  get state(): DirectoryState {
    return this.#state;
  }

  /** A record that this version does not understand: the state stays as it was before that; undefined: there is none. */
  get fault(): DirectoryRecordError | undefined {
    return this.#fault;
  }

  /** Takes over what has changed; costs next to nothing where nothing has. Between two entries. */
  look(keyspace: Keyspace): void {
    const { appliedIndex } = keyspace;
    const isSame = keyspace === this.#keyspace;
    if (isSame && appliedIndex === this.#lookedIndex) return;
    this.#keyspace = keyspace;
    this.#lookedIndex = appliedIndex;
    // Of another keyspace nothing is known: it may have been filled by a snapshot, or anew.
    if (!isSame) this.#takenIndex = -1;
    const epoch = epochOf(keyspace);
    if (epoch > this.#state.epoch) this.#take(keyspace, epoch);
  }

  readonly #genesis: DirectoryState;
  readonly #logger: Logger;
  readonly #onChange: DirectoryListener;
  #state: DirectoryState;
  #keyspace: Keyspace | undefined;
  /** The index at which it was looked at last. */
  #lookedIndex = 0;
  /** The state holds all records up to this index; -1: it has nothing of this keyspace. */
  #takenIndex = -1;
  #fault: DirectoryRecordError | undefined;

  #take(keyspace: Keyspace, epoch: number): void {
    const before = this.#state;
    const isWhole = this.#takenIndex < 0;
    const records = changedRecords(keyspace, { since: this.#takenIndex, known: isWhole ? this.#genesis : before });
    try {
      this.#state = withRecords(isWhole ? this.#genesis : before, epoch, records);
    } catch (error) {
      if (!(error instanceof DirectoryRecordError)) throw error;
      if (this.#fault?.key !== error.key)
        this.#logger.log("error", "the directory cannot be read", { error: error.message });
      this.#fault = error;
      return;
    }
    this.#fault = undefined;
    this.#takenIndex = keyspace.appliedIndex;
    this.#onChange(this.#state, before);
  }
}

/** What was put after the entry `since`, and of the nodes in `known` those whose record has been taken away. */
function changedRecords(
  keyspace: Keyspace,
  { since, known }: { readonly since: number; readonly known: DirectoryState },
): readonly DirectoryRecord[] {
  const records: DirectoryRecord[] = [];
  const keys = new Set<string>();
  for (const walk = keyspace.walk(); !walk.isOver; walk.next()) {
    const { key, value, revision } = keyspace.record(walk);
    keys.add(key);
    if (revision <= since || key === directoryEpochKey) continue;
    const text = typeof value === "string" ? value : value.text();
    records.push([key, Buffer.from(text, "latin1").toString("utf8")]);
  }
  // First nodes are there without a record as well.
  for (const { id, directoryId } of known.nodes) {
    if (directoryId !== undefined && !keys.has(nodeKey(id))) records.push([nodeKey(id), ""]);
  }
  return records;
}
