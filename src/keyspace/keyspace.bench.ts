import { bench, describe } from "vitest";
import { Arguments } from "../resp/index.ts";
import { type CommandSpec, commandTable, EntryReader, EntryWriter, Keyspace } from "./index.ts";

/** Commands per run; the table's "hz" times this is commands a second. */
const commandCount = 1_000;
const keyCount = 100_000;

function keyOf(number: number): string {
  return `key:${String(number).padStart(12, "0")}`;
}

function specOf(name: string): CommandSpec<Keyspace> {
  const spec = commandTable.get(name);
  if (spec === undefined) throw new Error(name);
  return spec;
}

const value = "x".repeat(64);
const keyspace = new Keyspace();
let index = 0;
function inEntry(run: () => void): void {
  keyspace.beginEntry(++index, { timeMs: 1_700_000_000_000 + index, seedLow: index, seedHigh: 0 });
  run();
  keyspace.endEntry();
}

const set = specOf("SET");
inEntry(() => {
  for (let number = 0; number < keyCount; number++) keyspace.execute(set, Arguments.of(["SET", keyOf(number), value]));
});

/** Random keys, as the words of one parsed chunk each. */
function commandsOf(...words: string[]): Arguments[] {
  let state = 1;
  return Array.from({ length: commandCount }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return Arguments.of(words.map((word) => (word === "KEY" ? keyOf(state % keyCount) : word)));
  });
}

function execution(...words: string[]): () => void {
  const spec = specOf(words[0] as string);
  const commands = commandsOf(...words);
  return () => inEntry(() => commands.forEach((args) => void keyspace.execute(spec, args)));
}

describe(`${commandCount} commands on random ones of ${keyCount} keys`, () => {
  bench("SET, 64-byte value", execution("SET", "KEY", value));
  bench("GET", execution("GET", "KEY"));
  bench("SET … EX 100", execution("SET", "KEY", value, "EX", "100"));
  bench("PEXPIRE", execution("PEXPIRE", "KEY", "100000"));
  bench("INCR, ten counters", execution("INCR", "counter"));
  const get = specOf("GET");
  const gets = commandsOf("GET", "KEY");
  bench("GET between entries", () => gets.forEach((args) => void keyspace.read(get, args, keyspace.clockMs)));
});

describe(`an entry of ${commandCount} commands`, () => {
  const commands = commandsOf("SET", "KEY", value);
  const writer = new EntryWriter();
  const reader = new EntryReader();
  const args = new Arguments();
  const write = (): Uint8Array => {
    writer.begin();
    for (const words of commands) writer.add(words);
    return writer.finish({ timeMs: 1, seedLow: 1, seedHigh: 1 });
  };
  const entry = write();
  bench("written", () => void write());
  bench("read", () => {
    reader.open(entry);
    while (reader.next(args));
  });
  bench("read, looked up and applied", () =>
    inEntry(() => {
      reader.open(entry);
      while (reader.next(args)) {
        const spec = commandTable.resolve(args);
        if (spec !== undefined) keyspace.execute(spec, args);
      }
    }),
  );
});
