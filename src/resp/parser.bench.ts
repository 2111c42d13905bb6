import { bench, describe } from "vitest";
import { Arguments } from "./arguments.ts";
import { RespParser } from "./parser.ts";

/** Commands per chunk as a socket hands it out; the table's "hz" times this is commands a second. */
const commandsPerChunk = 500;

function command(...words: string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

function parseAll(chunk: Buffer): () => void {
  const parser = new RespParser();
  const args = new Arguments();
  return () => {
    parser.feed(chunk);
    let count = 0;
    while (parser.next(args) === "command") count++;
    if (count !== commandsPerChunk) throw new Error(`${count} commands`);
  };
}

describe(`${commandsPerChunk} commands`, () => {
  const get = command("GET", "key:000000012345");
  const set = command("SET", "key:000000012345", "x".repeat(64));
  bench("GET, 16-byte key", parseAll(Buffer.from(get.repeat(commandsPerChunk))));
  bench("SET, 16-byte key, 64-byte value", parseAll(Buffer.from(set.repeat(commandsPerChunk))));
  bench("PING, inline", parseAll(Buffer.from("PING\r\n".repeat(commandsPerChunk))));
});
