/**
 * The server's own commands and its protocol, against Redis 7.0 itself: the same bytes to both, the same bytes from both.
 * Run by `npm run compat`; needs redis-server on the PATH.
 */
import type { NetConnectOpts } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { commandTable } from "../../src/keyspace/index.ts";
import { MapReply, type Reply, ReplyDecoder, SetReply, SimpleString } from "../../src/resp/index.ts";
import { commandFacts } from "../../src/server/command-facts.ts";
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

async function expectSame(text: string): Promise<void> {
  // What both count for themselves: connection ids.
  const comparable = (received: string): string => received.replace(/\$2\r\nid\r\n:\d+/g, "id");
  const theirs = await exchange({ path: redis.path }, text);
  expect(comparable(await exchange({ port: ours.port, host: "127.0.0.1" }, text))).toBe(comparable(theirs));
}

/** Lines that a person could type, each list on a connection of its own. */
const conversations: readonly (readonly string[])[] = [
  ["hello 3", "hello", "select 99", "select x", "select 0", "reset", "ping"],
  ["foo", "get", "client", "client foo", "client foo bar", "client setname", "FOO a b c"],
  [
    "foo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb c",
  ],
  ["quit", "ping"],
  ["quit a b"],
  ["client reply off", "ping", "client reply on", "ping", "client reply skip", "ping", "echo x"],
  ["client reply skip", "client reply on", "ping"],
  ["client reply skip", "client reply off", "ping", "client reply on", "ping"],
  ["client reply off", "client reply skip", "client reply on", "ping"],
  ["client reply skip", "set a b", "get a", "client reply skip", "client reply skip", "ping", "ping", "ping"],
  [
    "client kill 1.1.1.1:1",
    "client kill id 100000",
    "client kill foo bar",
    "client kill id",
    "client kill id x",
    "client kill id 0",
    "client kill type foo",
    "client kill skipme x",
    "client kill user foo",
    "client kill user default id 0",
    "client kill a b c",
  ],
  ["client kill type pubsub", "client kill type master", "client kill addr 1.1.1.1:1 laddr 2:2"],
  [
    "client no-evict x",
    "client no-evict on",
    "client no-evict off",
    "client unblock 1000",
    "client unblock x",
    "client unblock 1 foo",
    "client unblock 1 timeout x",
    "client pause x",
    "client pause 1 foo",
    "client pause -1",
    "client pause 1 write foo",
    "client reply x",
  ],
  [
    "client list type foo",
    "client list id a",
    "client list id",
    "client list foo",
    "client list type pubsub",
    "client list id 99999",
    "client list type",
  ],
  [
    'client setname "a b"',
    "client getname",
    "client setname x",
    "client getname",
    'client setname ""',
    "client getname",
    "client unpause",
    "client getname x",
  ],
  ["wait 0 0", "wait a 0", "wait 0 -1", "wait 0 a", "wait -1 0", "wait 0 9999999999999999999"],
  ["shutdown foo", "shutdown abort", "shutdown save nosave", "shutdown abort now", "shutdown a b"],
  [
    "hello 4",
    "hello x",
    "hello 3 foo",
    "hello 3 auth a",
    "hello 3 auth a b",
    'hello 2 setname "a b"',
    "hello 3 setname x auth default y",
    "hello 3 setname",
  ],
  ["hello 1", 'hello ""', "hello 03", "hello 2 auth default", "client getname"],
  ["auth x", "auth a b", "auth a b c", "auth default x", "auth"],
  ["debug sleep 0", "debug"],
  ["lastsave x", "time a", "ping a b c", "ping a", "echo", "echo a", "reset x"],
  ["memory foo", "memory purge", "memory", "memory usage nosuch", "memory doctor x"],
  [
    "latency",
    "latency latest",
    "latency reset",
    "latency history x",
    "latency graph x",
    "latency histogram foo",
    "latency reset a b",
    "latency foo",
  ],
  [
    // Neither is to remember what was slow because the machine is busy.
    "config set slowlog-log-slower-than -1",
    "slowlog reset",
    "slowlog get a",
    "slowlog get -2",
    "slowlog get",
    "slowlog len",
    "slowlog len x",
    "slowlog get 1 2",
    "slowlog reset",
    "slowlog",
    "config set slowlog-log-slower-than 10000",
  ],
  ["info foo", "info cluster"],
  [
    "command info foo",
    "command info get",
    "command info set",
    "command info client|list",
    "command info client|nosuch",
    "command info ping select quit reset auth hello echo time lastsave wait shutdown monitor debug info",
  ],
  ["command docs nosuch", "command docs client|id"],
  [
    "command getkeys set a b",
    "command getkeys mset a b c d",
    "command getkeys mset a",
    "command getkeys ping a",
    "command getkeys foo a",
    "command getkeys get",
    "command getkeys get a b",
    "command getkeysandflags set a b",
    "command getkeysandflags mset a b c d",
    "command getkeys object encoding x",
    "command getkeys memory usage x",
    "command getkeys object",
    "command getkeys lcs a b",
    "command getkeysandflags copy a b",
    "command getkeysandflags rename a b",
    "command getkeys client id",
    "command getkeysandflags get x",
    "command getkeysandflags getex x",
    "command getkeys object encoding",
    "command getkeysandflags set a b get",
    "command getkeysandflags set a b ex 5",
    "command getkeys object foo bar",
    "command getkeys mset a b c",
  ],
  [
    "command list foo",
    "command list filterby pattern",
    "command list filterby foo bar",
    "command list filterby module x",
    "command list filterby aclcat foo",
    "command list filterby pattern l?s",
    "command count x",
  ],
  [
    "hello 3",
    "command info get",
    "command info nosuch",
    "command docs client|id",
    "command docs client|kill|x",
    "command getkeysandflags set a b",
    "config get maxmemory",
    "latency histogram foo",
    "client list type pubsub",
  ],
  [
    "config set foo bar",
    "config set maxmemory",
    "config set maxmemory 1 foo bar",
    "config set maxmemory 1 maxmemory 2",
    "config set port 1 foo 2",
    "config set aclfile x foo 2",
    "config set foo 2 aclfile x",
    "config set dir /tmp",
    "config set dbfilename a",
    "config set maxmemory 1gb maxmemory-samples 0",
  ],
  [
    "config set maxmemory 99999999999999999999",
    "config get maxmemory",
    "config set maxmemory 1kk",
    "config set maxmemory -1",
    "config set maxmemory 0",
    "config set maxmemory-clients 50%",
    "config get maxmemory-clients",
    "config set maxmemory-clients 101%",
    "config set maxmemory-clients -1%",
    "config set maxmemory-clients 1mb",
    "config get maxmemory-clients",
    "config set maxmemory-clients 0",
  ],
  [
    'config set save "1 2 3"',
    'config set save ""',
    "config get save",
    'config set save "100 10 60 1000"',
    "config get save",
    'config set save "0 1"',
    'config set save "a b"',
    'config set save "3600 1 300 100 60 10000"',
    'config set save "100 10 50 1000"',
    "config get save",
    'config set save "3600 1 300 100 60 10000"',
  ],
  [
    'config set client-output-buffer-limit "normal 1mb 2mb 60"',
    "config get client-output-buffer-limit",
    'config set client-output-buffer-limit "foo 1mb 2mb 60"',
    'config set client-output-buffer-limit "normal a 2mb 60"',
    'config set client-output-buffer-limit "normal 1 2"',
    'config set client-output-buffer-limit "replica 1 2 3"',
    "config get client-output-buffer-limit",
    'config set client-output-buffer-limit "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60"',
    'config set client-output-buffer-limit ""',
    'config set client-output-buffer-limit "normal 1 2 -3"',
  ],
  [
    "config set notify-keyspace-events KEA",
    "config get notify-keyspace-events",
    "config set notify-keyspace-events gKx",
    "config get notify-keyspace-events",
    "config set notify-keyspace-events AKEmn",
    "config get notify-keyspace-events",
    "config set notify-keyspace-events q",
    'config set notify-keyspace-events "g$lshzxetd"',
    "config get notify-keyspace-events",
    "config set notify-keyspace-events gn",
    "config get notify-keyspace-events",
    'config set notify-keyspace-events ""',
  ],
  [
    'config set oom-score-adj-values "1 2"',
    'config set oom-score-adj-values "1 2 3"',
    'config set oom-score-adj-values "1 a 3"',
    'config set oom-score-adj-values "1 20000 3"',
    'config set oom-score-adj-values "1 2000 3"',
    "config get oom-score-adj-values",
    'config set oom-score-adj-values "3 2 1"',
    'config set oom-score-adj-values "0 200 800"',
  ],
  [
    'config set latency-tracking-info-percentiles "50 100"',
    "config get latency-tracking-info-percentiles",
    'config set latency-tracking-info-percentiles "50 101"',
    'config set latency-tracking-info-percentiles "a"',
    'config set latency-tracking-info-percentiles ""',
    "config get latency-tracking-info-percentiles",
    "config set latency-tracking-info-percentiles 0.001",
    "config get latency-tracking-info-percentiles",
    'config set latency-tracking-info-percentiles "50 99 99.9"',
  ],
  [
    "config get hash-max-ziplist-value",
    "config set hash-max-ziplist-value 65",
    "config get hash-max-listpack-value",
    "config set hash-max-ziplist-value 64 hash-max-listpack-value 64",
    "config get slaveof",
    "config get foo",
    "config get maxmemory MAXMEMORY maxmem?ry",
    "config set MaxMemory 5",
    "config set maxmemory 0",
    "config get MaxMemory",
    "config set hash-max-ziplist-value 64",
  ],
  [
    // One at a time: Redis shows several in the order of its hash table, another one in each run.
    "config get watchdog-period",
    "config get rdb-key-save-delay",
    "config get loading-process-events-interval-bytes",
    "config get use-exit-on-panic",
    "config get key-load-dela?",
    "config set key-load-delay 7 loading-process-events-interval-bytes 1",
    "config set key-load-delay 7",
    "config get key-load-delay",
    "config set key-load-delay 0",
  ],
  [
    "config set requirepass abc",
    "config get requirepass",
    "ping",
    'config set requirepass ""',
    "config rewrite",
    "config resetstat",
    "config resetstat a",
    "config get",
    "config foo",
    "config set a b c",
  ],
  [
    "config set port x",
    "config set port 99999",
    'config set replicaof "a b"',
    'config set slaveof ""',
    'config set proc-title-template "{foo}"',
    'config set cluster-announce-hostname "a b"',
    "config set maxclients 0",
    "config set list-max-listpack-size 0",
    "config set list-max-listpack-size -2",
    "config set tls-port 5",
    "config set appendonly Yes",
    "config get appendonly",
    "config set appendonly no",
    "config set maxmemory-policy ALLKEYS-LRU",
    "config get maxmemory-policy",
    "config set maxmemory-policy noeviction",
    'config set shutdown-on-sigint "save now"',
    "config get shutdown-on-sigint",
    'config set shutdown-on-sigint "save nosave"',
    "config set shutdown-on-sigint default",
    "config set hz 1000",
    "config get hz",
    "config set hz 10",
    "config set active-defrag-cycle-min 99",
    "config set active-defrag-cycle-min 1",
  ],
  ['set "a b', "ping"],
  ['"" a'],
  ["ping 'a'b"],
  [
    "config set requirepass abc",
    "reset",
    "ping",
    "get a",
    "foo",
    "get",
    "auth x",
    "hello 3",
    "hello 3 auth default x",
    "hello 3 auth default abc",
    "get a",
    "reset",
    "get a",
    "auth abc",
    "get a",
    "auth default abc",
    "auth foo abc",
    'config set requirepass ""',
  ],
  ["config set requirepass abc", "reset", "*11", "auth abc", 'config set requirepass ""'],
  ["auth abc", 'config set requirepass ""'],
];

describe("conversations", () => {
  test.for(conversations.map((lines) => ({ lines })))("$lines", ({ lines }) => expectSame(`${lines.join("\r\n")}\r\n`));
});

describe("bytes", () => {
  const longLine = "1".repeat(65_537);
  test.for([
    "*\r\n",
    "*x\r\n",
    "*01\r\n",
    "*+1\r\n",
    "*3000000000\r\n",
    "*-1\r\nPING\r\n",
    "*0\r\nPING\r\n",
    "*1\r\nx4\r\nPING\r\n",
    "*1\r\n\r\n",
    "*1\r\n$\r\n",
    "*1\r\n$-1\r\n",
    "*1\r\n$03\r\n",
    "*1\r\n$600000000\r\n",
    "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPINGyy",
    "*2\r\n$4\r\nECHO\r\n$6\r\na\r\n\0\xff!\r\n",
    "PING\n\n\r\n PING \r\n",
    'ECHO "\\x41\\n\\"" \r\n',
    "ECHO 'it\\'s'\r\n",
    'ECHO "a\r\n',
    "ECHO 'a'b\r\nPING\r\n",
    encodeCommand(["FOO", "a\r\nb", "c\0d"]),
    encodeCommand(["NOSUCH\r\nCOMMAND", "x".repeat(200), "y"]),
    encodeCommand(["CLIENT", "NO\r\nSUCH"]),
    encodeCommand([""]),
    longLine,
    `*${longLine}`,
    `*1\r\n$${longLine}`,
    `*\0\r\n${longLine}`,
  ])("%j", (text) => expectSame(text));
});

/** Simple strings as plain ones, sets sorted, maps as objects. */
function plain(reply: Reply | undefined): unknown {
  if (reply instanceof SimpleString) return reply.text;
  if (reply instanceof SetReply) return reply.members.map(plain).toSorted();
  if (reply instanceof MapReply) {
    const object: Record<string, unknown> = {};
    for (let at = 0; at < reply.entries.length; at += 2)
      object[String(reply.entries[at])] = plain(reply.entries[at + 1]);
    return object;
  }
  return Array.isArray(reply) ? reply.map(plain) : reply;
}

async function asked(to: NetConnectOpts, ...commands: readonly (readonly string[])[]): Promise<unknown[]> {
  const decoder = new ReplyDecoder();
  const text = [["HELLO", "3"], ...commands].map(encodeCommand).join("");
  decoder.feed(Buffer.from(await exchange(to, text), "latin1"));
  decoder.next();
  return commands.map(() => plain(decoder.next()));
}

describe("what COMMAND says of the server's commands", () => {
  // Not in Redis 7.0.
  const names = Object.keys(commandFacts).filter((name) => !name.startsWith("coterie") && name !== "client|setinfo");
  test.for(names)("%s", async (name) => {
    const commands = [
      ["COMMAND", "INFO", name],
      ["COMMAND", "DOCS", name],
    ];
    const [info, docs] = await asked({ port: ours.port, host: "127.0.0.1" }, ...commands);
    const [theirInfo, theirDocs] = await asked({ path: redis.path }, ...commands);
    // Subcommands stand for themselves.
    const withoutSubcommands = (found: unknown): unknown => (found as unknown[][])[0]?.slice(0, 9);
    expect(withoutSubcommands(info)).toEqual(withoutSubcommands(theirInfo));
    const { subcommands: _theirs, ...facts } = (theirDocs as Record<string, Record<string, unknown>>)[name] ?? {};
    const { subcommands: _ours, ...ourFacts } = (docs as Record<string, Record<string, unknown>>)[name] ?? {};
    expect(ourFacts).toEqual(facts);
  });
});

describe("COMMAND DOCS, byte by byte", () => {
  const served = new ServedCommands(commandTable.specs, serverCommands);
  const ownNames = ["client|setinfo", "coterie"];
  const names = served.all
    .filter(
      ({ name, spec }) => spec.subcommands.length === 0 && !ownNames.includes(name) && !name.startsWith("coterie|"),
    )
    .map(({ name }) => name);
  test.for(names)("%s", async (name) => {
    for (const hello of ["hello 2", "hello 3"]) await expectSame(`${hello}\r\ncommand docs ${name}\r\n`);
  });
});

test("CONFIG knows every setting that Redis knows, with its value", async () => {
  const [settings] = await asked({ port: ours.port, host: "127.0.0.1" }, ["CONFIG", "GET", "*"]);
  const [theirs] = await asked({ path: redis.path }, ["CONFIG", "GET", "*"]);
  const expected = { ...(theirs as Record<string, string>) };
  // What the two were started with, and that there is one database.
  for (const name of ["bind", "databases", "dir", "port", "save", "unixsocket", "appendonly", "pidfile"]) {
    expect(settings).toHaveProperty([name]);
    expected[name] = (settings as Record<string, string>)[name] ?? "";
  }
  expect(settings).toEqual(expected);
});
