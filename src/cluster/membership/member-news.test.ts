import { expect, test } from "vitest";
import { ByteReader, ByteWriter } from "../../net/index.ts";
import { silentLogger } from "../../platform/index.ts";
import { messageType } from "../peers/message-type.ts";
import { firstMembers, type Member } from "./member.ts";
import { MemberNews, type MemberNewsLink } from "./member-news.ts";

const first = firstMembers(["n1", "n2", "n3"]);

function joined(id: number): Member {
  const peerAddress = { host: `n${id}`, port: 17_000 };
  return { id, name: `n${id}`, state: "active", directoryId: `${id}`.repeat(32), peerAddress };
}

/** Node n3, which knows what it is given, beside n1 and n2, which know `others`. */
class Bench {
  nowMs = 1_000;
  /** Of the protocol: what n3 speaks with each. */
  readonly versions: Map<number, number> = new Map([
    [1, 7],
    [2, 7],
  ]);
  readonly asked: number[] = [];
  readonly answers: Member[][] = [];
  readonly known: { members: readonly Member[] };
  readonly news: MemberNews;

  constructor(known: readonly Member[], others: readonly Member[]) {
    this.known = { members: known };
    const peer = this.#news({ members: others }, () => undefined);
    this.news = this.#news(this.known, (id) => {
      const version = this.versions.get(id);
      if (version === undefined) return undefined;
      const back = link(version, (type, bytes) => {
        expect(type).toBe(messageType.membersAnswer);
        expect(this.news.receiveAnswer(back, read(bytes))).toBe(true);
      });
      return link(version, (type, bytes) => {
        expect(type).toBe(messageType.membersQuestion);
        this.asked.push(id);
        expect(peer.receiveQuestion(back, read(bytes))).toBe(true);
      });
    });
  }

  /** What was told, as numbers. */
  get told(): readonly (readonly number[])[] {
    return this.answers.map((members) => members.map(({ id }) => id));
  }

  #news(
    directory: { readonly members: readonly Member[] },
    to: (id: number) => MemberNewsLink | undefined,
  ): MemberNews {
    return new MemberNews({
      clock: { nowMs: () => this.nowMs },
      logger: silentLogger,
      directory: {
        get members() {
          return directory.members;
        },
        peerIds: [1, 2],
      },
      link: to,
      setMembers: (members) => {
        this.answers.push([...members]);
        this.known.members = members;
      },
      onOutput: () => {},
    });
  }
}

function link(version: number, onMessage: (type: number, bytes: Buffer) => void): MemberNewsLink {
  let writer = new ByteWriter(1);
  let type = 0;
  return {
    version,
    peer: { name: "n1" },
    begin: (kind, byteCount) => {
      type = kind;
      writer = new ByteWriter(byteCount);
      return writer;
    },
    end: () => onMessage(type, writer.finish()),
  };
}

function read(bytes: Buffer): ByteReader {
  const input = new ByteReader();
  input.open(bytes, 0, bytes.length);
  return input;
}

function written(text: string): Buffer {
  const out = new ByteWriter(4 + 3 * text.length);
  out.text(text);
  return out.finish();
}

test("where a node knocks that is not known, those that are known say who it is", () => {
  const bench = new Bench(first, [...first, joined(4), joined(5)]);
  bench.news.knocked(4);
  expect(bench.asked).toEqual([1, 2]);
  // The first answer is news, the second one is not any more.
  expect(bench.told).toEqual([[1, 2, 3, 4, 5]]);
  expect(bench.known.members.at(-1)).toEqual(joined(5));
});

test("who knows no more says nothing", () => {
  const bench = new Bench(first, first);
  bench.news.knocked(4);
  expect(bench.asked).toEqual([1, 2]);
  expect(bench.told).toEqual([]);
});

test("however often it knocks, the others are asked twice a second", () => {
  const bench = new Bench(first, first);
  for (let at = 0; at < 20; at++) {
    bench.news.knocked(4);
    bench.nowMs += 100;
  }
  expect(bench.asked).toEqual([1, 2, 1, 2, 1, 2, 1, 2]);
});

test("nobody is asked about a number below a known one: that node was removed, and forgotten", () => {
  const bench = new Bench([...first, joined(5)], [...first, joined(4), joined(6)]);
  bench.news.knocked(4);
  expect(bench.asked).toEqual([]);
});

test("a peer of an earlier version is not asked, nor one that is not there", () => {
  const bench = new Bench(first, [...first, joined(4)]);
  bench.versions.set(1, 6);
  bench.versions.delete(2);
  bench.news.knocked(4);
  expect(bench.asked).toEqual([]);
  expect(bench.told).toEqual([]);
});

test("a list that may be older than what is known is left alone", () => {
  const bench = new Bench([...first, joined(4)], first);
  const older = JSON.stringify([...first, { ...joined(4), state: "joining" }]);
  expect(
    bench.news.receiveAnswer(
      link(7, () => {}),
      read(written(older)),
    ),
  ).toBe(true);
  expect(bench.told).toEqual([]);
});

test.for([
  { what: "nothing", text: "" },
  { what: "no list", text: "7" },
  { what: "an empty list", text: "[]" },
  { what: "a member without a name", text: JSON.stringify([...first, { ...joined(4), name: "" }]) },
  { what: "a number twice", text: JSON.stringify([...first, joined(4), joined(4)]) },
  { what: "numbers in no order", text: JSON.stringify([joined(4), ...first]) },
])("$what is no answer", ({ text }) => {
  const bench = new Bench(first, first);
  expect(
    bench.news.receiveAnswer(
      link(7, () => {}),
      read(written(text)),
    ),
  ).toBe(false);
  expect(bench.told).toEqual([]);
});

test("a message with more or less in it than it should have is none", () => {
  const bench = new Bench(first, first);
  const text = JSON.stringify([...first, joined(4)]);
  const whole = written(text);
  const to = link(7, () => {});
  expect(bench.news.receiveAnswer(to, read(whole.subarray(0, -1)))).toBe(false);
  expect(bench.news.receiveAnswer(to, read(Buffer.concat([whole, Buffer.of(0)])))).toBe(false);
  expect(bench.news.receiveQuestion(to, read(Buffer.of(1, 2)))).toBe(false);
  expect(bench.told).toEqual([]);
});
