/** A replica of one: a keyspace that is spoken to in commands, through real entries. For tests. */
import {
  type CommandTable,
  DueKeyMet,
  EntryReader,
  EntryWriter,
  entryCommandTable,
  isWrite,
  type KeyRecord,
  Keyspace,
  KeyspaceLoader,
  type KeyspaceSnapshot,
  sessionCommand,
} from "../../src/keyspace/index.ts";
import { Arguments, type Reply } from "../../src/resp/index.ts";

export interface EntryOptions {
  readonly timeMs: number;
  readonly seedLow?: number;
  readonly seedHigh?: number;
}

const writer = new EntryWriter();
const reader = new EntryReader();

/** The data of an entry with `commands`. */
export function entryOf(commands: readonly (readonly string[])[], options: EntryOptions): Uint8Array {
  writer.begin();
  for (const words of commands) writer.add(Arguments.of(words));
  return writer.finish({
    timeMs: options.timeMs,
    seedLow: options.seedLow ?? 1,
    seedHigh: options.seedHigh ?? 2,
  });
}

export class Replica {
  readonly keyspace: Keyspace;
  readonly #table: CommandTable<Keyspace>;
  /** Entries without commands that reads have asked for. */
  clockEntryCount = 0;

  constructor(keyspace: Keyspace = new Keyspace(), table: CommandTable<Keyspace> = entryCommandTable) {
    this.keyspace = keyspace;
    this.#table = table;
  }

  /** Applies an entry, the next one unless `index` says otherwise, and gives the replies to its commands. */
  apply(data: Uint8Array, index: number = this.keyspace.appliedIndex + 1): Reply[] {
    const args = new Arguments();
    const replies: Reply[] = [];
    reader.open(data);
    if (reader.isEmpty) {
      this.keyspace.skipEntry(index);
      return replies;
    }
    this.keyspace.beginEntry(index, reader);
    while (reader.next(args)) {
      const spec = this.#table.resolve(args);
      replies.push(spec === undefined ? this.#table.refusal(args) : this.keyspace.execute(spec, args));
    }
    this.keyspace.endEntry();
    return replies;
  }

  /** Applies an entry of these commands. */
  write(timeMs: number, ...commands: readonly (readonly string[])[]): Reply[] {
    return this.apply(entryOf(commands, { timeMs }));
  }

  /** Advances the replicated clock. */
  advance(timeMs: number): void {
    this.write(timeMs);
  }

  /** What a client would be answered: writes through an entry, reads between entries. */
  run(words: readonly string[], timeMs: number = this.keyspace.clockMs): Reply {
    const args = Arguments.of(words);
    const spec = this.#table.resolve(args);
    if (spec === undefined) return this.#table.refusal(args);
    if (spec === sessionCommand.spec)
      return this.write(timeMs, sessionCommand.entryOf(args, this.keyspace.semanticsLevel).texts())[0] as Reply;
    if (isWrite(spec)) return this.write(timeMs, words)[0] as Reply;
    for (;;) {
      const reply = this.keyspace.read(spec, args, timeMs);
      if (!(reply instanceof DueKeyMet)) return reply;
      this.clockEntryCount++;
      this.advance(timeMs);
    }
  }

  /** Another replica, made from a snapshot of this one. */
  restored(): Replica {
    const snapshot = this.keyspace.beginSnapshot({ heldBytesMax: Number.POSITIVE_INFINITY });
    return new Replica(loaded(chunksOf(snapshot)), this.#table);
  }
}

/** All keys. The values are the keyspace's own. */
export function* recordsOf(keyspace: Keyspace): Generator<KeyRecord> {
  for (const walk = keyspace.walk(); !walk.isOver; walk.next()) yield keyspace.record(walk);
}

/** All that is left of a snapshot. */
export function* chunksOf(snapshot: KeyspaceSnapshot, bytesMax?: number): Generator<Uint8Array> {
  for (let chunk = snapshot.next(bytesMax); chunk !== undefined; chunk = snapshot.next(bytesMax)) yield chunk;
}

/** The keyspace whose snapshot these chunks are. */
export function loaded(chunks: Iterable<Uint8Array>): Keyspace {
  const loader = new KeyspaceLoader();
  for (const chunk of chunks) loader.feed(chunk);
  return loader.finish();
}

/** A replica that has these keys, with values of so many bytes. */
export function filled(names: readonly string[], bytes = 10): Replica {
  const replica = new Replica();
  replica.write(1, ...names.map((name) => ["SET", name, "v".repeat(bytes)]));
  return replica;
}
