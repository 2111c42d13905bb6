import { describe, expect, test } from "vitest";
import { drawFrom, RandomCommands } from "../../test/keyspace/random-commands.ts";
import { entryOf, Replica } from "../../test/keyspace/replica.ts";
import { Arguments, ErrorReply, encodeReply, type Reply } from "../resp/index.ts";
import { hashSlotOfText } from "../ring/index.ts";
import { commandTable, sessionCommand } from "./commands.ts";
import { EntryUnknownError } from "./entry.ts";
import { keptRepliesMax, keptReplyBytesMax } from "./session.ts";
import { sessionTtlMsDefault } from "./session-commands.ts";

/** A replica, its one session, and commands in it. */
function opened(...options: string[]) {
  const replica = new Replica();
  const id = replica.run(["COTERIE", "SESSION", "OPEN", ...options], 1_000) as string;
  const run = (sequence: number, acknowledged: number, ...command: string[]): Reply =>
    replica.run(["coterie", "session", "run", id, String(sequence), String(acknowledged), ...command]);
  return { replica, id, run };
}

/** The code of an error reply. */
function codeOf(reply: Reply): string | undefined {
  return reply instanceof ErrorReply ? reply.text.split(" ", 1)[0] : undefined;
}

describe("a session", () => {
  test("carries out the next number, and answers a repeated one as before without doing anything [S-1, I-18]", () => {
    const { replica, run } = opened();
    expect([run(1, 0, "INCR", "k"), run(2, 0, "APPEND", "t", "a"), run(3, 0, "GET", "k")]).toEqual([1, 1, "1"]);
    const revision = replica.run(["GET", "t"]);
    expect([run(1, 0, "INCR", "k"), run(2, 0, "APPEND", "t", "a"), run(3, 0, "GET", "k")]).toEqual([1, 1, "1"]);
    expect([replica.run(["GET", "k"]), replica.run(["GET", "t"]), revision]).toEqual(["1", "a", "a"]);
    // What is repeated is the number: another command under it is not looked at.
    expect(run(3, 2, "SET", "k", "other")).toBe("1");
    expect(run(4, 3, "INCR", "k")).toBe(2);
  });

  test("refuses what comes too early, which then can still come at its turn [S-1]", () => {
    const { replica, id, run } = opened();
    const before = replica.keyspace.sessions.find(id, 1_000)?.toText();
    expect(codeOf(run(2, 1, "INCR", "k"))).toBe("SEQUENCEGAP");
    expect(codeOf(run(3, 0, "INCR", "k"))).toBe("SEQUENCEGAP");
    expect(replica.keyspace.sessions.find(id, 1_000)?.toText()).toBe(before);
    expect([run(1, 0, "INCR", "k"), run(2, 1, "INCR", "k"), run(3, 2, "INCR", "k")]).toEqual([1, 2, 3]);
  });

  test("answers errors of the command within as it would without a session, and keeps them [S-1]", () => {
    const { replica, run } = opened();
    const errors = [["INCR", "text"], ["GET"], ["nosuch", "a"], ["SET", "k", "v", "NX", "XX"], ["OBJECT", "nosuch"]];
    replica.run(["SET", "text", "a"]);
    let sequence = 0;
    for (const words of errors) {
      const expected = replica.run(words);
      expect(codeOf(expected)).toBe("ERR");
      expect(run(++sequence, 0, ...words)).toEqual(expected);
      replica.run(["SET", "text", "1"]);
      expect(run(sequence, 0, ...words)).toEqual(expected);
      replica.run(["SET", "text", "a"]);
    }
    expect(run(++sequence, 0, "STRLEN", "text")).toBe(1);
  });

  test.for([
    [["KEYS", "*"], "KEYS"],
    [["FLUSHALL"], "FLUSHALL"],
    [["LCS", "a", "b"], "LCS"],
    [["object", "idletime", "a"], "OBJECT"],
    [["COTERIE", "SESSION", "OPEN"], "COTERIE"],
    [["coterie", "status"], "COTERIE"],
  ] as const)("does not run %j: it has no key, or is no function of the state", ([words, name]) => {
    const { replica, run } = opened();
    replica.run(["SET", "a", "1"]);
    expect(run(1, 0, ...words)).toEqual(new ErrorReply(`ERR ${name} cannot be run in a session`));
    expect(run(2, 1, "GET", "a")).toBe("1");
  });

  test("forgets the replies that are acknowledged, and says of them that they are done [S-1]", () => {
    const { replica, id, run } = opened();
    for (let sequence = 1; sequence <= 5; sequence++) run(sequence, 0, "INCR", "k");
    expect(run(6, 3, "INCR", "k")).toBe(6);
    expect([1, 2, 3].map((sequence) => codeOf(run(sequence, 0, "INCR", "k")))).toEqual(
      Array.from({ length: 3 }, () => "REPLYLOST"),
    );
    expect([4, 5, 6].map((sequence) => run(sequence, 3, "INCR", "k"))).toEqual([4, 5, 6]);
    // An older message that says less takes nothing back.
    run(6, 5, "INCR", "k");
    run(6, 1, "INCR", "k");
    expect(codeOf(run(5, 0, "INCR", "k"))).toBe("REPLYLOST");
    expect(replica.keyspace.sessions.find(id, 1_000)?.lastSequence).toBe(6);
  });

  test("keeps a bounded number of replies, and bytes of them; of the others it knows that they are done [S-1]", () => {
    const { replica, run } = opened();
    replica.run(["SET", "long", "x".repeat(keptReplyBytesMax)]);
    replica.run(["SET", "half", "x".repeat(keptReplyBytesMax / 2)]);
    expect(run(1, 0, "GET", "long")).toHaveLength(keptReplyBytesMax);
    expect(codeOf(run(1, 0, "GET", "long"))).toBe("REPLYLOST");
    for (const sequence of [2, 3, 4]) run(sequence, 0, "GET", "half");
    expect([2, 3, 4].map((sequence) => codeOf(run(sequence, 0, "GET", "half")))).toEqual([
      "REPLYLOST",
      "REPLYLOST",
      undefined,
    ]);
    for (let sequence = 5; sequence <= 4 + keptRepliesMax; sequence++) run(sequence, 4, "INCR", "k");
    expect(run(5, 4, "INCR", "k")).toBe(1);
    expect(run(5 + keptRepliesMax, 4, "INCR", "k")).toBe(keptRepliesMax + 1);
    expect(codeOf(run(5, 4, "INCR", "k"))).toBe("REPLYLOST");
    expect(run(6, 4, "INCR", "k")).toBe(2);
  });

  test("that has gone, or never was, is told so, and nothing is done [S-3]", () => {
    const { replica, id, run } = opened("TTL", "5000");
    expect(run(1, 0, "INCR", "k")).toBe(1);
    replica.advance(5_999);
    expect(run(1, 0, "INCR", "k")).toBe(1);
    // It was used at 5,999.
    replica.advance(10_998);
    expect(run(2, 1, "INCR", "k")).toBe(2);
    replica.advance(15_998);
    for (const sequence of [1, 2, 3, 4]) expect(codeOf(run(sequence, 0, "INCR", "k"))).toBe("SESSIONEXPIRED");
    expect(codeOf(replica.run(["COTERIE", "SESSION", "RUN", "1-0", "1", "0", "INCR", "k"]))).toBe("SESSIONEXPIRED");
    expect(replica.run(["COTERIE", "SESSION", "CLOSE", id])).toBe(0);
    expect(replica.run(["GET", "k"])).toBe("2");
    expect(replica.keyspace.sessions.count).toBe(0);
  });

  test("is closed once, and lives for an hour unless it is used or told otherwise [S-3]", () => {
    const { replica, id, run } = opened();
    replica.advance(999 + sessionTtlMsDefault);
    expect(run(1, 0, "INCR", "k")).toBe(1);
    const close = ["COTERIE", "SESSION", "CLOSE", id];
    expect([replica.run(close), replica.run(close)]).toEqual([1, 0]);
    expect(codeOf(run(1, 0, "INCR", "k"))).toBe("SESSIONEXPIRED");
  });

  test("is not touched by FLUSHALL [I-18]", () => {
    const { replica, run } = opened();
    run(1, 0, "INCR", "k");
    replica.run(["FLUSHALL"]);
    expect(run(1, 0, "INCR", "k")).toBe(1);
    expect(replica.run(["EXISTS", "k"])).toBe(0);
  });
});

test("what makes no sense is refused, and uses no number up", () => {
  const { replica, id, run } = opened();
  const session = (...words: string[]): string => {
    const reply = replica.run(["COTERIE", "SESSION", ...words]);
    return reply instanceof ErrorReply ? reply.text : "no error";
  };
  const numbers = "ERR sequence must be an integer above 0, and acknowledged one from 0 to below it";
  const arity = "ERR wrong number of arguments for 'coterie|session' command";
  for (const pair of ["0 0", "1 1", "1 -1", "x 0", "1 x", "2 3", "9007199254740993 0"])
    expect(session("RUN", id, ...pair.split(" "), "INCR", "k")).toBe(numbers);
  expect(session("RUN", id, "1", "0")).toBe(arity);
  expect(session("CLOSE")).toBe(arity);
  expect(session("CLOSE", id, id)).toBe(arity);
  expect(session("FAIL", id, "1", "0")).toBe(arity);
  expect(session("JUMP", id)).toBe("ERR syntax error");
  expect(session("OPEN", "TTL")).toBe("ERR syntax error");
  expect(session("OPEN", "TIL", "5000")).toBe("ERR syntax error");
  for (const ttl of ["999", "2592000001", "x", "-1", "9007199254740993"])
    expect(session("OPEN", "TTL", ttl)).toBe("ERR TTL must be an integer from 1000 to 2592000000 (milliseconds)");
  expect(run(1, 0, "INCR", "k")).toBe(1);
});

test("what a leader cannot run stands in the log as that, so that no version runs it [S-1]", () => {
  const words = (...given: string[]): string[] => sessionCommand.entryOf(Arguments.of(given), 1).texts();
  const run = ["COTERIE", "session", "run", "7-ab", "5", "4", "set", "k", "v"];
  expect(words(...run)).toEqual(run);
  expect(words(...run.slice(0, 6), "NEWER", "k")).toEqual([
    ...["COTERIE", "session", "FAIL", "7-ab", "5", "4"],
    "ERR unknown command 'NEWER', with args beginning with: 'k' ",
  ]);
  expect(words("COTERIE", "SESSION", "OPEN")).toEqual(["COTERIE", "SESSION", "OPEN"]);
  // An entry from a newer version.
  const { replica, id } = opened();
  const entry = entryOf([["COTERIE", "SESSION", "RUN", id, "1", "0", "NEWER", "k"]], { timeMs: 1_000 });
  expect(() => replica.apply(entry)).toThrow(EntryUnknownError);
});

test("commands within sessions do and answer what they do and answer without, and again when repeated [S-1, S-6]", () => {
  const timeMs = 1_700_000_000_000;
  const commands = new RandomCommands(drawFrom(11), { nowMs: timeMs });
  const plain = new Replica();
  const replica = new Replica();
  for (const each of [plain, replica]) each.advance(timeMs);
  const id = replica.run(["COTERIE", "SESSION", "OPEN"]) as string;
  let runCount = 0;
  for (let sequence = 1; sequence <= 3_000; sequence++) {
    const words = commands.next();
    const run = ["COTERIE", "SESSION", "RUN", id, String(sequence), String(Math.max(0, sequence - 20)), ...words];
    const reply = encodeReply(replica.run(run), 3);
    expect(encodeReply(replica.run(run), 3)).toBe(reply);
    if (/cannot be run in a session/.test(reply)) continue;
    runCount++;
    expect(reply, words.join(" ")).toBe(encodeReply(plain.run(words), 3));
  }
  expect(runCount).toBeGreaterThan(2_000);
  const contentOf = (each: Replica): Reply => each.run(["KEYS", "*"]);
  expect(contentOf(replica)).toEqual(contentOf(plain));
});

test("a kept reply comes back as it was, in either protocol", () => {
  const { replica, run } = opened();
  replica.run(["MSET", "a", "1", "b", "\0\xff\r\n"]);
  for (const _ of [1, 2]) expect(run(1, 0, "MGET", "a", "b", "none")).toEqual(["1", "\0\xff\r\n", null]);
  for (const _ of [1, 2]) expect(encodeReply(run(2, 1, "SET", "a", "1"), 2)).toBe("+OK\r\n");
  for (const _ of [1, 2]) expect(encodeReply(run(3, 2, "GET", "none"), 2)).toBe("$-1\r\n");
});

test("an id begins with a slot of the session's shard, which routes it", () => {
  const replica = new Replica();
  const open = (...options: string[]): string => String(replica.run(["COTERIE", "SESSION", "OPEN", ...options]));
  const slotOf = (...words: string[]): number | undefined =>
    sessionCommand.slotOf(Arguments.of(["COTERIE", "SESSION", ...words]));
  const slot = hashSlotOfText("user:7");
  expect(open("KEY", "user:7", "TTL", "5000")).toMatch(new RegExp(`^${slot}-1-`));
  expect(open("TTL", "5000")).toMatch(/^0-2-/);
  expect([slotOf("OPEN"), slotOf("open", "KEY", "user:7"), slotOf("OPEN", "KEY")]).toEqual([
    undefined,
    slot,
    undefined,
  ]);
  expect([slotOf("CLOSE", `${slot}-1-ab`), slotOf("RUN", "16383-1-ab", "1", "0", "GET", "k")]).toEqual([slot, 16_383]);
  expect([slotOf("CLOSE", "16384-1-ab"), slotOf("CLOSE", "x"), slotOf("CLOSE")]).toEqual(Array(3).fill(undefined));
  const innerOf = (...words: string[]): unknown =>
    sessionCommand.innerOf(Arguments.of(["COTERIE", "SESSION", "RUN", "1-a", "1", "0", ...words]))?.spec.name;
  expect([innerOf("get", "k"), innerOf("NEW", "k"), innerOf("FLUSHALL")]).toEqual(["GET", undefined, undefined]);
});

test("the words of another command begin where RUN says so", () => {
  const { innerCommandAt } = sessionCommand.spec;
  expect(innerCommandAt?.(Arguments.of(["COTERIE", "SESSION", "run", "1-a", "1", "0", "GET", "k"]))).toBe(6);
  expect(innerCommandAt?.(Arguments.of(["COTERIE", "SESSION", "RUN", "1-a", "1", "0"]))).toBeUndefined();
  expect(innerCommandAt?.(Arguments.of(["COTERIE", "SESSION", "OPEN"]))).toBeUndefined();
  expect(commandTable.resolve(Arguments.of(["coterie", "session", "open"]))).toBe(sessionCommand.spec);
});
