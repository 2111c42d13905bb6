import { assert } from "../platform/index.ts";
import type { ConfigurationChange, ConfigurationEntry } from "../raft/index.ts";
import { getUint53, putUint53, viewOf } from "./format.ts";

export const recordKind = {
  entry: 1,
  configurationEntry: 2,
  hardState: 3,
  piece: 4,
  snapshot: 5,
  restatedEntry: 6,
  restatedConfigurationEntry: 7,
  restatedPiece: 8,
  compacted: 9,
  replica: 10,
} as const;

export const recordBegins = 1;
export const recordEnds = 2;

export const recordHeaderBytes = 8;
/** What a record adds to the data of an entry. */
export const entryOverheadBytes: number = recordHeaderBytes + 16;
export const pieceOverheadBytes: number = recordHeaderBytes + 24;
export const hardStateRecordBytes: number = recordHeaderBytes + 24;
export const snapshotRecordBytes: number = recordHeaderBytes + 24;
export const compactedRecordBytes: number = recordHeaderBytes + 16;
export const replicaRecordBytes: number = recordHeaderBytes + 16;

/** Of a snapshot record: the log begins anew behind it. */
export const snapshotResets = 1;

/** Of a replica record: neither this replica nor any before it is here any more, and nobody took its place. */
export const replicaIsGone = 1;

const leastBodyBytes: Readonly<Record<number, number>> = {
  [recordKind.entry]: 16,
  [recordKind.configurationEntry]: 24,
  [recordKind.hardState]: 24,
  [recordKind.piece]: 24,
  [recordKind.snapshot]: 24,
  [recordKind.restatedEntry]: 16,
  [recordKind.restatedConfigurationEntry]: 24,
  [recordKind.restatedPiece]: 24,
  [recordKind.compacted]: 16,
  [recordKind.replica]: 16,
};

/**
 * Walks the records of one batch body without an object per record. The body's checksum has been verified, so anything
 * odd in it was written by software that knows more than this one: `next` answers "unknown", and the log is refused.
 */
export class RecordCursor {
  kind = 0;
  flags = 0;
  /** Place of the group in the batch header's list. */
  slot = 0;
  /** Of all kinds but replicas. */
  term = 0;
  /** Of all but hard states and replicas. */
  index = 0;
  /** Of replicas: who the group's log belongs to from here on. */
  replica = 0;
  /** Of replicas: nobody's, until a higher one begins. */
  isEnd = false;
  /** Of hard states. */
  vote = 0;
  commit = 0;
  /** Of pieces: bytes of the whole entry's data, and where this piece belongs. */
  wholeBytes = 0;
  pieceOffset = 0;
  /** Of snapshots: the log begins anew behind it. */
  isReset = false;
  /** The data, from `dataStart` up to `dataEnd` of the body. */
  dataStart = 0;
  dataEnd = 0;
  /** Bytes behind the record's header. */
  bodyBytes = 0;

  get isPiece(): boolean {
    return this.kind === recordKind.piece || this.kind === recordKind.restatedPiece;
  }

  get isConfiguration(): boolean {
    return this.kind === recordKind.configurationEntry || this.kind === recordKind.restatedConfigurationEntry;
  }

  get isRestated(): boolean {
    return this.kind >= recordKind.restatedEntry && this.kind <= recordKind.restatedPiece;
  }

  open(body: Uint8Array, slotCount: number): void {
    this.#view = viewOf(body);
    this.#next = 0;
    this.#slotCount = slotCount;
  }

  next(): "record" | "end" | "unknown" {
    const view = this.#view;
    const at = this.#next;
    if (at === view.byteLength) return "end";
    if (at + recordHeaderBytes > view.byteLength) return "unknown";
    this.kind = view.getUint8(at);
    this.flags = view.getUint8(at + 1);
    this.slot = view.getUint16(at + 2, true);
    const bodyBytes = view.getUint32(at + 4, true);
    const bodyStart = at + recordHeaderBytes;
    this.dataEnd = bodyStart + bodyBytes;
    this.bodyBytes = bodyBytes;
    this.#next = this.dataEnd;
    const leastBytes = leastBodyBytes[this.kind];
    if (leastBytes === undefined || bodyBytes < leastBytes) return "unknown";
    if (this.dataEnd > view.byteLength || this.slot >= this.#slotCount) return "unknown";
    return this.#readBody(bodyStart) ? "record" : "unknown";
  }

  #view: DataView = new DataView(new ArrayBuffer(0));
  #next = 0;
  #slotCount = 0;

  /** False where it says more than this software understands. */
  #readBody(at: number): boolean {
    const view = this.#view;
    if (this.kind === recordKind.replica) {
      const flags = getUint53(view, at + 8);
      this.replica = getUint53(view, at);
      this.isEnd = flags === replicaIsGone;
      return flags === 0 || this.isEnd;
    }
    this.term = getUint53(view, at);
    if (this.kind === recordKind.hardState) {
      this.vote = getUint53(view, at + 8);
      this.commit = getUint53(view, at + 16);
      return true;
    }
    this.index = getUint53(view, at + 8);
    this.dataStart = at + 16;
    if (this.kind === recordKind.snapshot) {
      this.isReset = (view.getUint32(at + 16, true) & snapshotResets) !== 0;
    } else if (this.isPiece) {
      this.wholeBytes = view.getUint32(at + 16, true);
      this.pieceOffset = view.getUint32(at + 20, true);
      this.dataStart = at + 24;
    }
    return true;
  }
}

const transitions = ["auto", "implicit", "explicit"] as const;
const actions = ["addVoter", "addLearner", "remove", "update"] as const;

/** The data of a configuration entry. */
export function encodeConfigurationChange(change: ConfigurationChange): Uint8Array {
  const bytes = new Uint8Array(8 + 16 * change.changes.length);
  const view = viewOf(bytes);
  view.setUint8(0, transitions.indexOf(change.transition));
  view.setUint32(4, change.changes.length, true);
  change.changes.forEach(({ action, replica }, place) => {
    assert(Number.isSafeInteger(replica) && replica > 0, "a replica id is a positive whole number");
    view.setUint8(8 + 16 * place, actions.indexOf(action));
    putUint53(view, 16 + 16 * place, replica);
  });
  return bytes;
}

/** Undefined for what {@link encodeConfigurationChange} does not write. */
export function decodeConfigurationEntry(
  bytes: Uint8Array,
  at: { readonly term: number; readonly index: number },
): ConfigurationEntry | undefined {
  if (bytes.length < 8) return undefined;
  const view = viewOf(bytes);
  const transition = transitions[view.getUint8(0)];
  const count = view.getUint32(4, true);
  if (transition === undefined || bytes.length !== 8 + 16 * count) return undefined;
  const changes: ConfigurationChange["changes"][number][] = [];
  for (let place = 0; place < count; place++) {
    const action = actions[view.getUint8(8 + 16 * place)];
    if (action === undefined) return undefined;
    changes.push({ action, replica: getUint53(view, 16 + 16 * place) });
  }
  return { kind: "configuration", term: at.term, index: at.index, change: { transition, changes } };
}
