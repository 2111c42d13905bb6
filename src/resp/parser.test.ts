import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Arguments } from "./arguments.ts";
import { splitInline } from "./inline.ts";
import { scratchBytes } from "./parse-window.ts";
import { lineBytesMax, RespParser, type RespParserOptions } from "./parser.ts";

function bytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function command(...words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
}

type Outcome = readonly string[] | "tooLarge" | { readonly error: string };

/** Everything that comes out; each chunk's memory is overwritten as soon as the parser may no longer look at it. */
function parse(chunks: readonly string[], options: RespParserOptions = {}, isUnauthenticated = false): Outcome[] {
  const parser = new RespParser(options);
  parser.isUnauthenticated = isUnauthenticated;
  const args = new Arguments();
  const outcomes: Outcome[] = [];
  for (const text of chunks) {
    const chunk = bytes(text);
    parser.feed(chunk);
    for (;;) {
      const result = parser.next(args);
      if (result === "needMore") break;
      if (result === "protocolError") return [...outcomes, { error: parser.error ?? "" }];
      outcomes.push(result === "command" ? args.texts() : result);
    }
    chunk.fill(0xff);
  }
  return outcomes;
}

/** The same by the plainest means: the whole stream as one string. */
function parsePlainly(stream: string): Outcome[] {
  const outcomes: Outcome[] = [];
  let at = 0;
  const fail = (reason: string): Outcome[] => [...outcomes, { error: `Protocol error: ${reason}` }];
  const find = (end: string): number | "more" | "long" => {
    const seen = stream.slice(at, at + lineBytesMax + 1);
    const place = seen.indexOf(end);
    if (place >= 0 && !seen.slice(0, place).includes("\0")) return at + place;
    return seen.length > lineBytesMax ? "long" : "more";
  };
  const integer = (text: string): number => {
    const value = /^(0|-?[1-9][0-9]*)$/.test(text) ? BigInt(text) : 2n ** 63n;
    return value >= -(2n ** 63n) && value < 2n ** 63n ? Number(value) : Number.NaN;
  };
  while (at < stream.length) {
    if (stream[at] !== "*") {
      const end = find("\n");
      if (end === "long") return fail("too big inline request");
      if (end === "more") return outcomes;
      const args = new Arguments();
      const line = stream.slice(at, end).replace(/\r$/, "");
      if (!splitInline(bytes(line), args)) return fail("unbalanced quotes in request");
      if (args.count > 0) outcomes.push(args.texts());
      at = end + 1;
      continue;
    }
    const end = find("\r");
    if (end === "long") return fail("too big mbulk count string");
    if (end === "more" || end + 1 === stream.length) return outcomes;
    const count = integer(stream.slice(at + 1, end));
    if (Number.isNaN(count) || count > 1_048_576) return fail("invalid multibulk length");
    at = end + 2;
    const words: string[] = [];
    while (words.length < count) {
      const headerEnd = find("\r");
      if (headerEnd === "long") return fail("too big bulk count string");
      if (headerEnd === "more" || headerEnd + 1 === stream.length) return outcomes;
      if (stream[at] !== "$") return fail(`expected '$', got '${stream[at]}'`);
      const length = integer(stream.slice(at + 1, headerEnd));
      if (!(length >= 0 && length <= 536_870_888)) return fail("invalid bulk length");
      at = headerEnd + 2;
      if (stream.length - at < length + 2) return outcomes;
      words.push(stream.slice(at, at + length));
      at += length + 2;
    }
    if (count > 0) outcomes.push(words);
  }
  return outcomes;
}

function cut(stream: string, places: readonly number[]): string[] {
  const sorted = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  const chunks: string[] = [];
  let from = 0;
  for (const place of [...sorted, stream.length]) {
    chunks.push(stream.slice(from, place));
    from = place;
  }
  return chunks;
}

const word = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 12 }),
  fc.uint8Array({ maxLength: 40 }).map((value) => Buffer.from(value).toString("latin1")),
  fc.constantFrom("", "\r\n", "$3\r\n", "*1\r\n", "x".repeat(700)),
);
const wellFormed = fc.array(fc.array(word, { minLength: 1, maxLength: 14 }), { maxLength: 8 });
/** Bytes that look like the protocol often enough to get far into the parser. */
const nearlyProtocol = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "*",
        "$",
        ":",
        "\r\n",
        "\r",
        "\n",
        "0",
        "1",
        "2",
        "12",
        "-1",
        "007",
        " ",
        '"',
        "'",
        "\\",
        "\0",
        "+",
      ),
      fc.constantFrom(
        "*1\r\n$4\r\nPING\r\n",
        "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
        "PING\r\n",
        "*3\r\n",
        "$5\r\nhello\r\n",
      ),
      fc.uint8Array({ maxLength: 4 }).map((value) => Buffer.from(value).toString("latin1")),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(""));
const places = fc.array(fc.nat({ max: 100_000 }), { maxLength: 12 });

describe("commands", () => {
  test("any cut of a stream of commands gives these commands", () => {
    fc.assert(
      fc.property(wellFormed, places, (commands, at) => {
        const stream = commands.map((words) => command(...words)).join("");
        expect(parse(cut(stream, at))).toEqual(commands);
      }),
      { numRuns: 300 },
    );
  });

  test("a stream that comes byte by byte gives the same", () => {
    const commands = [["SET", "k", "v".repeat(300)], ["PING"], ["MSET", ...Array<string>(40).fill("ab")]];
    const stream = `${commands.map((words) => command(...words)).join("")}`;
    expect(parse([...stream])).toEqual(commands);
  });

  test("whatever comes, however it is cut, the plain parser and this one agree", () => {
    fc.assert(
      fc.property(nearlyProtocol, places, (stream, at) => {
        expect(parse(cut(stream, at))).toEqual(parsePlainly(stream));
      }),
      { numRuns: 4000 },
    );
  });

  test("a parser that is stopped in mid-chunk goes on where it was", () => {
    fc.assert(
      fc.property(wellFormed, places, fc.nat({ max: 3 }), (commands, at, stopEvery) => {
        const parser = new RespParser();
        const args = new Arguments();
        const found: string[][] = [];
        for (const text of cut(commands.map((words) => command(...words)).join(""), at)) {
          const chunk = bytes(text);
          parser.feed(chunk);
          while (parser.next(args) === "command") {
            found.push(args.texts());
            if (found.length % (stopEvery + 1) !== 0) continue;
            parser.keep();
            chunk.fill(0xff);
          }
          chunk.fill(0xff);
        }
        expect(found).toEqual(commands);
      }),
    );
  });

  test("parsers share a scratch buffer when each is done with it before the next", () => {
    const scratch = Buffer.allocUnsafe(scratchBytes);
    const parsers = [new RespParser({ scratch }), new RespParser({ scratch })];
    const args = new Arguments();
    const found: string[][] = [[], []];
    const stream = command("SET", "key", "value".repeat(200)).repeat(50);
    for (let at = 0; at < stream.length; at += 1500) {
      for (const [index, parser] of parsers.entries()) {
        parser.feed(bytes(stream.slice(at, at + 1500)));
        while (parser.next(args) === "command") found[index]?.push(args.texts().join());
      }
    }
    expect(found[0]).toHaveLength(50);
    expect(found[1]).toEqual(found[0]);
    expect(new Set(found[0])).toEqual(new Set([`SET,key,${"value".repeat(200)}`]));
  });

  test("a large value that comes in pieces is put together, and its memory given back", () => {
    const parser = new RespParser();
    const args = new Arguments();
    const value = "0123456789abcdef".repeat(100_000);
    const stream = bytes(command("SET", "k", value) + command("PING"));
    const results: string[] = [];
    for (let at = 0; at < stream.length; at += 65_536) {
      parser.feed(stream.subarray(at, at + 65_536));
      for (let result = parser.next(args); result !== "needMore"; result = parser.next(args))
        results.push(args.count === 3 ? String(args.text(2) === value) : args.text(0));
    }
    expect(results).toEqual(["true", "PING"]);
    expect(parser.ownBytes).toBeLessThan(5_000);
  });

  test("nothing is allocated for a length that was only announced", () => {
    const parser = new RespParser();
    parser.feed(bytes("*1000000\r\n$536870888\r\nx"));
    expect(parser.next(new Arguments())).toBe("needMore");
    expect(parser.ownBytes).toBeLessThan(1_000);
  });

  test("empty and negative counts are no commands", () => {
    expect(parse(["*0\r\n*-1\r\n*-9223372036854775808\r\n\r\n\n  \r\nPING\r\n"])).toEqual([["PING"]]);
  });

  test("the two bytes behind a word are not looked at, as in Redis", () => {
    expect(parse(["*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPINGyy"])).toEqual([["PING"], ["PING"]]);
  });
});

describe("inline commands", () => {
  test.for([
    { line: "set  key\tvalue", words: ["set", "key", "value"] },
    { line: "set \"a b\" 'c d'", words: ["set", "a b", "c d"] },
    { line: '"\\x41\\n\\r\\t\\b\\a\\q\\"\\x4g"', words: ['A\n\r\t\b\x07q"x4g'] },
    { line: "'it\\'s \\n'", words: ["it's \\n"] },
    { line: 'a"b c"', words: ["ab c"] },
    { line: '""', words: [""] },
    { line: "\xe4\xff", words: ["\xe4\xff"] },
    { line: "\v\f", words: [] },
  ])("$line", ({ line, words }) => {
    expect(parse([`${line}\r\nPING\n`])).toEqual([...(words.length > 0 ? [words] : []), ["PING"]]);
  });

  test.for(['"a', "'a", '"a"b', "'a'b", '"a\\', '"a\\"', "'a\\'"])("%s is not balanced", (line) => {
    expect(parse([`${line}\r\n`])).toEqual([{ error: "Protocol error: unbalanced quotes in request" }]);
  });
});

describe("what is not the protocol", () => {
  const longLine = "1".repeat(lineBytesMax + 1);
  test.for([
    { stream: "*\r\n", error: "invalid multibulk length" },
    { stream: "*x\r\n", error: "invalid multibulk length" },
    { stream: "*01\r\n", error: "invalid multibulk length" },
    { stream: "*+1\r\n", error: "invalid multibulk length" },
    { stream: "*1048577\r\n", error: "invalid multibulk length" },
    { stream: "*99999999999999999999\r\n", error: "invalid multibulk length" },
    { stream: "*-9223372036854775809\r\n", error: "invalid multibulk length" },
    { stream: "*1\r\nx\r\n", error: "expected '$', got 'x'" },
    { stream: "*1\r\n\r\n", error: "expected '$', got '\r'" },
    { stream: "*1\r\n$\r\n", error: "invalid bulk length" },
    { stream: "*1\r\n$-1\r\n", error: "invalid bulk length" },
    { stream: "*1\r\n$03\r\n", error: "invalid bulk length" },
    { stream: "*1\r\n$536870889\r\n", error: "invalid bulk length" },
    { stream: longLine, error: "too big inline request" },
    { stream: `*${longLine}`, error: "too big mbulk count string" },
    { stream: `*1\r\n$${longLine}`, error: "too big bulk count string" },
    { stream: `*\0\r\n${longLine}`, error: "too big mbulk count string" },
    { stream: `\0\r\n${longLine}`, error: "too big inline request" },
  ])("$error", ({ stream, error }) => {
    expect(parse([stream])).toEqual([{ error: `Protocol error: ${error}` }]);
    expect(parse([`PING\r\n${stream}PING\r\n`])).toEqual([["PING"], { error: `Protocol error: ${error}` }]);
  });

  test("nothing comes out behind an error", () => {
    const parser = new RespParser();
    const args = new Arguments();
    parser.feed(bytes("*x\r\nPING\r\n"));
    expect(parser.next(args)).toBe("protocolError");
    parser.feed(bytes("PING\r\n"));
    expect(parser.next(args)).toBe("protocolError");
    expect(parser.ownBytes).toBe(0);
  });
});

describe("limits", () => {
  test("a client that has not authenticated sends ten words of 16 KiB", () => {
    const ten = Array<string>(10).fill("w");
    const largest = "v".repeat(16_384);
    expect(parse([command(...ten), command(largest)], {}, true)).toEqual([ten, [largest]]);
    expect(parse([command(...ten, "w")], {}, true)).toEqual([
      { error: "Protocol error: unauthenticated multibulk length" },
    ]);
    expect(parse([command(`${largest}v`)], {}, true)).toEqual([
      { error: "Protocol error: unauthenticated bulk length" },
    ]);
  });

  test("the longest word can be set", () => {
    expect(parse([command("abc"), command("abcd")], { bulkBytesMax: 3 })).toEqual([
      ["abc"],
      { error: "Protocol error: invalid bulk length" },
    ]);
  });

  test("a command that is too large is read over, wherever it is cut, and the next one is served", () => {
    const large = command("SET", "k", "v".repeat(5_000), "PX", "9");
    const stream = command("GET", "a") + large + command("GET", "b") + large;
    fc.assert(
      fc.property(places, (at) => {
        expect(parse(cut(stream, at), { commandBytesMax: 1_000 })).toEqual([
          ["GET", "a"],
          "tooLarge",
          ["GET", "b"],
          "tooLarge",
        ]);
      }),
    );
  });

  test("while a command is read over, nothing of it is kept", () => {
    const parser = new RespParser({ commandBytesMax: 1_000 });
    parser.feed(bytes(`*2\r\n$3\r\nSET\r\n$90000\r\n${"v".repeat(60_000)}`));
    expect(parser.next(new Arguments())).toBe("needMore");
    expect(parser.unfinishedBytes).toBe(0);
  });

  test("an unfinished command can be given up at any byte", () => {
    const stream = command("SET", "key", "v".repeat(300), "PX", "10");
    const args = new Arguments();
    for (let at = 1; at < stream.length; at++) {
      const parser = new RespParser();
      parser.feed(bytes(stream.slice(0, at)));
      expect(parser.next(args)).toBe("needMore");
      const isDiscarded = parser.discardUnfinished();
      expect(isDiscarded).toBe(at >= 4);
      if (isDiscarded) expect(parser.unfinishedBytes).toBeLessThan(8);
      parser.feed(bytes(stream.slice(at) + command("PING")));
      expect(parser.next(args)).toBe(isDiscarded ? "tooLarge" : "command");
      expect(parser.next(args)).toBe("command");
      expect(args.texts()).toEqual(["PING"]);
    }
  });
});
