/**
 * Every command with too few words, too many, and words that make no sense, against Redis 7.0 itself: the same bytes to
 * both, the same bytes from both. Run by `npm run compat`; needs redis-server on the PATH.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { commandTable } from "../../src/keyspace/index.ts";
import { ServedCommands } from "../../src/server/served-command.ts";
import { serverCommands } from "../../src/server/server-commands.ts";
import { encodeCommand } from "../server/raw-client.ts";
import { type ServedTest, serve } from "../server/served-keyspace.ts";
import { exchange } from "./exchange.ts";
import { RedisServer } from "./redis-server.ts";

let redis: RedisServer;
let ours: ServedTest;

beforeAll(async () => {
  redis = await RedisServer.start();
  ours = await serve();
});

afterAll(async () => {
  await redis.close();
  await ours.server.close();
});

/** They say something of this server or this moment, end it, or stop it for a while. */
const incomparable =
  /^(client\|(id|info|list|kill|pause|setinfo)|command|command\|.*|config\|get|coterie.*|debug|info|lastsave|latency\|.*|memory\|(doctor|stats|malloc-stats|usage)|monitor|object\|idletime|randomkey|shutdown|slowlog\|(get|len)|time|.*\|help)$/;

/**
 * There is one database, and a cursor within it means something else to each server. Redis reads a cursor up to its first
 * zero byte; here it is refused for it.
 */
function isLeftOut([name, first = ""]: readonly string[]): boolean {
  if (name === "select") return first === "1";
  return name === "scan" && /^(-?\d|\0)/.test(first);
}

const words: readonly string[] = ["k", "1", "-1", "", "EX", "nosuch", "\0\xff\r\n", "9223372036854775808", "1e400"];

const { all } = new ServedCommands(commandTable.specs, serverCommands);
const names = all.map(({ name }) => name).filter((name) => !incomparable.test(name));

test.for(names)("%s", async (name) => {
  // Each with up to six words: of one kind, and mixed.
  const commands = words.flatMap((word, shift) =>
    [0, 1, 2, 3, 4, 5, 6].flatMap((count) => [
      [...name.split("|"), ...new Array<string>(count).fill(word)],
      [...name.split("|"), ...words.slice(shift), ...words].slice(0, name.split("|").length + count),
    ]),
  );
  for (const command of commands.filter((each) => !isLeftOut(each))) {
    const text = `${encodeCommand(["FLUSHALL"])}${encodeCommand(["SET", "k", "7"])}${encodeCommand(command)}`;
    const comparable = (received: string): string => received.replace(/\$2\r\nid\r\n:\d+/g, "id");
    const theirs = comparable(await exchange({ path: redis.path }, text));
    expect([command, comparable(await exchange({ port: ours.port, host: "127.0.0.1" }, text))]).toEqual([
      command,
      theirs,
    ]);
  }
});
