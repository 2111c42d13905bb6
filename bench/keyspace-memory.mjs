// Memory a key of the keyspace alone, in this process: resident size when loaded, and after each key was overwritten a
// few times, less that of the empty process. Run after a build:
//
//   node --max-semi-space-size=2 --heap-growing-percent=30 bench/keyspace-memory.mjs [keys] [EX]
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { commandTable, EntryReader, EntryWriter, Keyspace } from "../dist/keyspace/index.js";
import { Arguments } from "../dist/resp/index.js";

const keyCount = Number(process.argv[2] ?? 1_000_000);
const options = process.argv[3] === "EX" ? ["EX", "100000"] : [];
const commandsPerEntry = 100;

const keyspace = new Keyspace();
const writer = new EntryWriter();
const reader = new EntryReader();
const args = new Arguments();
let index = 0;

function residentBytes() {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
}

/** Applies entries of SETs, `count` in all, each of the key whose number `numberOf` gives. */
function apply(count, numberOf, filler) {
  for (let done = 0; done < count; done += commandsPerEntry) {
    writer.begin();
    for (let at = done; at < done + commandsPerEntry; at++) {
      const number = numberOf(at);
      const key = `key:${String(number).padStart(12, "0")}`;
      writer.add(Arguments.of(["SET", key, String(at).padEnd(64, filler), ...options]));
    }
    reader.open(writer.finish({ timeMs: 1_700_000_000_000 + index, seedLow: index, seedHigh: 0 }));
    keyspace.beginEntry(++index, reader);
    while (reader.next(args)) keyspace.execute(commandTable.resolve(args), args);
    keyspace.endEntry();
  }
}

let state = 1;
function randomNumber() {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return (state >> 8) % keyCount;
}

async function report(what, emptyBytes) {
  await sleep(1_000);
  const perKey = (bytes) => (bytes / keyCount).toFixed(1).padStart(7);
  const { heapUsed, external } = process.memoryUsage();
  console.log(
    `${what.padEnd(28)}${perKey(residentBytes() - emptyBytes)} bytes a key resident,` +
      `${perKey(heapUsed)} on the heap,${perKey(external)} beside it`,
  );
}

apply(1_000, (at) => at, "w");
keyspace.beginEntry(++index, { timeMs: 0, seedLow: 0, seedHigh: 0 });
keyspace.execute(commandTable.get("FLUSHALL"), Arguments.of(["FLUSHALL"]));
keyspace.endEntry();
await sleep(500);
const emptyBytes = residentBytes();
apply(keyCount, (at) => at, "x");
await report(`${keyspace.keyCount} keys`, emptyBytes);
for (let round = 1; round <= 3; round++) {
  apply(keyCount, randomNumber, "y");
  await report(`${round} × overwritten at random`, emptyBytes);
}
