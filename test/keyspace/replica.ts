/** A replica of one: a keyspace that is spoken to in commands, through real entries. For tests. */
import {
  type CommandTable,
  cloneOf,
  DueKeyMet,
  EntryReader,
  EntryWriter,
  entryCommandTable,
  isWrite,
  type KeyRecord,
  Keyspace,
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
    if (isWrite(spec)) return this.write(timeMs, words)[0] as Reply;
    for (;;) {
      const reply = this.keyspace.read(spec, args, timeMs);
      if (!(reply instanceof DueKeyMet)) return reply;
      this.clockEntryCount++;
      this.advance(timeMs);
    }
  }

  /** Another keyspace made from this one's records, as from a snapshot. */
  restored(): Replica {
    const keyspace = new Keyspace();
    keyspace.restore(this.keyspace.header(), this.records());
    return new Replica(keyspace, this.#table);
  }

  /** All keys, with values that share nothing with the keyspace's. */
  *records(): Generator<KeyRecord> {
    for (const walk = this.keyspace.walk(); !walk.isOver; walk.next()) {
      const record = this.keyspace.record(walk);
      yield { ...record, value: cloneOf(record.value) };
    }
  }
}
