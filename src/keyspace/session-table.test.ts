import { describe, expect, test } from "vitest";
import { type Draw, drawFrom } from "../../test/keyspace/random-commands.ts";
import { chunksOf, entryOf, loaded, Replica } from "../../test/keyspace/replica.ts";
import { encodeReply, type Reply } from "../resp/index.ts";
import { Keyspace } from "./keyspace.ts";
import { emptyContents } from "./keyspace-contents.ts";
import { Session, type SessionState, sessionOverheadBytes } from "./session.ts";
import { freedSessionsMax, SessionTable } from "./session-table.ts";
import type { KeyspaceSnapshot } from "./snapshot.ts";
import { SnapshotFormatError } from "./snapshot-format.ts";

const open = (ttlMs = 60_000): string[] => ["COTERIE", "SESSION", "OPEN", "TTL", String(ttlMs)];
const run = (id: string, sequence: number, ...command: string[]): string[] => [
  ...["COTERIE", "SESSION", "RUN", id, String(sequence), String(sequence - 1)],
  ...command,
];

function replicaWith(limits: { readonly countMax: number; readonly bytesMax: number }): Replica {
  return new Replica(new Keyspace({}, { ...emptyContents(), sessions: new SessionTable(limits) }));
}

/** All sessions, oldest use first. */
function idsOf(replica: Replica): string[] {
  return [...replica.keyspace.sessions].map(({ id }) => id);
}

function textsOf(keyspace: Keyspace): string[] {
  return [...keyspace.sessions].map((session) => session.toText());
}

describe("sessions", () => {
  test("have ids that no other session has, the same on every replica", () => {
    const replicas = [new Replica(), new Replica()];
    const ids = replicas.map((replica) => [
      ...replica.write(1, open(), open(), open()),
      ...replica.write(2, open(), open()),
    ]);
    expect(ids[0]).toEqual(ids[1]);
    expect(new Set(ids[0]).size).toBe(5);
    for (const id of ids[0] ?? []) expect(id).toMatch(/^0-[12]-[0-9a-f]{16}$/);
  });

  test("leave when there are too many: the one that was used longest ago first [S-2]", () => {
    const replica = replicaWith({ countMax: 3, bytesMax: 1_000_000 });
    const [a = "", b = "", c = ""] = replica.write(1, open(), open(), open()) as string[];
    replica.write(2, run(a, 1, "INCR", "k"));
    const [d = ""] = replica.write(3, open()) as string[];
    expect(idsOf(replica)).toEqual([c, a, d]);
    expect(encodeReply(replica.run(run(b, 1, "INCR", "k")), 3)).toContain("-SESSIONEXPIRED");
    expect(replica.run(["GET", "k"])).toBe("1");
    // A repeated command is use, too.
    replica.write(4, run(c, 1, "INCR", "k"), run(c, 1, "INCR", "k"));
    expect(idsOf(replica)).toEqual([a, d, c]);
  });

  test("that are idle for too long leave before others that were used longer ago [S-2]", () => {
    const replica = replicaWith({ countMax: 2, bytesMax: 1_000_000 });
    const [patient = "", hasty = ""] = replica.write(1_000, open(60_000), open(1_000)) as string[];
    expect(idsOf(replica)).toEqual([patient, hasty]);
    const [third = ""] = replica.write(2_000, open()) as string[];
    expect(idsOf(replica)).toEqual([patient, third]);
  });

  test("leave when their replies weigh too much together, but not the one whose reply it is [S-2]", () => {
    const replica = replicaWith({ countMax: 100, bytesMax: 3 * sessionOverheadBytes + 20_000 });
    const [a = "", b = "", c = ""] = replica.write(1, open(), open(), open()) as string[];
    replica.write(1, ["SET", "long", "x".repeat(18_000)], run(a, 1, "GET", "long"));
    expect(idsOf(replica)).toEqual([b, c, a]);
    replica.write(1, run(b, 1, "GET", "long"));
    expect(idsOf(replica)).toEqual([b]);
    replica.write(1, ["SET", "long", "x".repeat(40_000)], run(b, 2, "GET", "long"));
    expect(idsOf(replica)).toEqual([b]);
    expect(replica.keyspace.sessions.bytes).toBe([...replica.keyspace.sessions][0]?.bytes);
  });

  test("that are idle are gone at once, and freed in bounded steps by any entry [S-2]", () => {
    const replica = new Replica();
    const ids = replica.write(1_000, ...Array.from({ length: freedSessionsMax + 5 }, () => open(1_000))) as string[];
    const { sessions } = replica.keyspace;
    replica.advance(1_999);
    expect(sessions.count).toBe(freedSessionsMax + 5);
    // Within the entry that advances the clock none is freed yet.
    const [last] = replica.write(2_000, run(ids.at(-1) ?? "", 1, "INCR", "k"));
    expect(encodeReply(last ?? null, 3)).toContain("-SESSIONEXPIRED");
    expect(sessions.count).toBe(5);
    expect(ids.some((id) => sessions.find(id, 2_000) !== undefined)).toBe(false);
    replica.advance(2_000);
    expect([sessions.count, sessions.bytes, sessions.earliestMs]).toEqual([0, 0, Number.POSITIVE_INFINITY]);
  });

  test("are part of the digest with all that they hold; without any the digest is as ever [S-2, I-16]", () => {
    const base = (): Replica => {
      const replica = new Replica();
      const [id = ""] = replica.write(1_000, open(5_000)) as string[];
      replica.write(1_000, run(id, 1, "SET", "k", "v"), run(id, 2, "STRLEN", "k"));
      return replica;
    };
    const first = (replica: Replica): string => idsOf(replica)[0] ?? "";
    const changes: [string, (replica: Replica) => void][] = [
      ["a session more", (replica) => replica.write(1_000, open(5_000))],
      ["a session less", (replica) => replica.write(1_000, ["COTERIE", "SESSION", "CLOSE", first(replica)])],
      ["a command more", (replica) => replica.write(1_000, run(first(replica), 3, "STRLEN", "k"))],
      ["other replies", (replica) => replica.write(1_000, run(first(replica), 3, "GET", "k"))],
    ];
    const digests = changes.map(([, change]) => {
      const replica = base();
      change(replica);
      return replica.keyspace.checksum();
    });
    expect(new Set([base().keyspace.checksum(), ...digests]).size).toBe(changes.length + 1);
    const [id = ""] = idsOf(base());
    const closed = base();
    closed.write(1_000, ["COTERIE", "SESSION", "CLOSE", id]);
    const plain = new Replica();
    plain.write(1_000);
    plain.write(1_000, ["SET", "k", "v"]);
    plain.write(1_000);
    expect(closed.keyspace.checksum()).toBe(plain.keyspace.checksum());
  });
});

describe("a snapshot", () => {
  test("holds the sessions as they were when it began, whatever becomes of them meanwhile [S-2, N-8]", () => {
    for (const chunkBytes of [64, 300, 5_000]) {
      const replica = new Replica();
      const ids = replica.write(1_000, ...Array.from({ length: 30 }, () => open(5_000))) as string[];
      replica.write(1_000, ...ids.map((id, at) => run(id, 1, "SET", `k${at}`, "v".repeat(10 * at))));
      replica.write(1_000, ...ids.map((id, at) => run(id, 2, "GET", `k${at}`)));
      const texts = textsOf(replica.keyspace);
      const digest = replica.keyspace.checksum();
      const snapshot = replica.keyspace.beginSnapshot({ heldBytesMax: 1_000_000 });
      const chunks: Uint8Array[] = [];
      let step = 0;
      for (let chunk = snapshot.next(chunkBytes); chunk !== undefined; chunk = snapshot.next(chunkBytes)) {
        chunks.push(chunk);
        step++;
        const id = (at: number): string => ids[(step * at) % ids.length] ?? "";
        replica.write(1_000 + step, run(id(7), 3, "INCR", "n"), ["COTERIE", "SESSION", "CLOSE", id(11)], open(5_000));
        if (step === 20) replica.advance(7_000);
      }
      expect(snapshot.digest).toBe(digest);
      expect(snapshot.heldBytes).toBe(0);
      const copy = loaded(chunks);
      expect(textsOf(copy)).toEqual(texts);
      expect(copy.checksum()).toBe(digest);
    }
  });

  test("that holds too many changed sessions is abandoned", () => {
    const replica = new Replica();
    const [id = ""] = replica.write(1_000, open()) as string[];
    replica.write(1_000, ["SET", "k", "v".repeat(2_000)], run(id, 1, "GET", "k"));
    const snapshot = replica.keyspace.beginSnapshot({ heldBytesMax: 1_000 });
    replica.write(1_000, run(id, 2, "GET", "k"));
    expect(snapshot.isAbandoned).toBe(true);
    replica.write(1_000, run(id, 3, "GET", "k"));
    expect(replica.restored().keyspace.checksum()).toBe(replica.keyspace.checksum());
  });

  test("of a replica that lived through 20,000 session commands gives one that goes on in the same way [S-2, A-3]", () => {
    const lived = new Replica();
    let restored = new Replica();
    let snapshot: KeyspaceSnapshot | undefined;
    let chunks: Uint8Array[] = [];
    let since: Uint8Array[] = [];
    let restoredCount = 0;
    const traffic = new Traffic(drawFrom(21));
    for (let number = 0; number < 1_000; number++) {
      const entry = traffic.entry();
      const replies = lived.apply(entry);
      traffic.hear(replies);
      expect(restored.apply(entry)).toEqual(replies);
      since.push(entry);
      const chunk = snapshot?.next(2_000);
      if (chunk !== undefined) {
        chunks.push(chunk);
      } else {
        if (snapshot !== undefined) {
          restored = new Replica(loaded(chunks));
          for (const each of since) restored.apply(each);
          expect(restored.keyspace.checksum()).toBe(lived.keyspace.checksum());
          restoredCount++;
        }
        snapshot = lived.keyspace.beginSnapshot({ heldBytesMax: 10_000_000 });
        chunks = [];
        since = [];
      }
    }
    expect(restored.keyspace.sessions.bytes).toBe(lived.keyspace.sessions.bytes);
    expect(restoredCount).toBeGreaterThan(20);
    expect(traffic.expiredCount).toBeGreaterThan(50);
    expect(traffic.repeatedCount).toBeGreaterThan(500);
  });
});

/** Clients with sessions: they open, run, repeat, leave gaps, go quiet and close. */
class Traffic {
  expiredCount = 0;
  repeatedCount = 0;
  readonly #draw: Draw;
  readonly #sessions: { id: string; next: number }[] = [];
  #opened = new Set<number>();
  #timeMs = 1_000;

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  entry(): Uint8Array {
    const draw = this.#draw;
    this.#timeMs += draw(100);
    this.#opened = new Set();
    const commands = Array.from({ length: 20 }, (_, at) => {
      const session = this.#sessions[draw(this.#sessions.length)];
      if (session === undefined || draw(20) === 0) {
        this.#opened.add(at);
        return open(1_000 + draw(10) * 300);
      }
      if (draw(30) === 0) return ["COTERIE", "SESSION", "CLOSE", session.id];
      const back = draw(3) === 0 ? draw(5) : 0;
      const sequence = Math.max(1, session.next - back + (draw(30) === 0 ? 1 : 0));
      if (sequence === session.next) session.next++;
      else if (sequence < session.next) this.repeatedCount++;
      const key = `k${draw(10)}`;
      const command = [["INCR", key], ["SET", `t${key}`, "x".repeat(draw(500))], ["GET", `t${key}`], ["NEW"]][draw(4)];
      const words = command?.[0] === "NEW" ? ["FAIL", "ERR new"] : ["RUN", ...(command ?? [])];
      const numbers = [session.id, String(sequence), String(draw(sequence))];
      return ["COTERIE", "SESSION", words[0] ?? "", ...numbers, ...words.slice(1)];
    });
    return entryOf(commands, { timeMs: this.#timeMs, seedLow: draw(1_000), seedHigh: draw(1_000) });
  }

  hear(replies: readonly Reply[]): void {
    for (const [at, reply] of replies.entries()) {
      if (this.#opened.has(at)) this.#sessions.push({ id: String(reply), next: 1 });
      if (encodeReply(reply, 3).startsWith("-SESSIONEXPIRED")) this.expiredCount++;
    }
    if (this.#sessions.length > 12) this.#sessions.splice(0, 3);
  }
}

test.for<{ what: string; text: string }>([
  { what: "nothing", text: "" },
  { what: "no RESP", text: "hello\r\n" },
  { what: "half of it", text: "*5\r\n$1\r\na\r\n" },
  { what: "too little", text: "*4\r\n$1\r\na\r\n:1\r\n:1\r\n:0\r\n" },
  { what: "an empty id", text: "*5\r\n$0\r\n\r\n:1\r\n:1\r\n:0\r\n*0\r\n" },
  { what: "no time to live", text: "*5\r\n$1\r\na\r\n:0\r\n:1\r\n:0\r\n*0\r\n" },
  { what: "more replies than commands", text: "*5\r\n$1\r\na\r\n:1\r\n:1\r\n:0\r\n*1\r\n_\r\n" },
  { what: "replies that are none", text: "*5\r\n$1\r\na\r\n:1\r\n:1\r\n:1\r\n*1\r\n:1\r\n" },
  { what: "a negative number", text: "*5\r\n$1\r\na\r\n:1\r\n:-1\r\n:0\r\n*0\r\n" },
])("a session made of $what is refused", ({ text }) => {
  expect(() => Session.fromText(text)).toThrow(SnapshotFormatError);
});

test("a snapshot whose sessions are out of order, doubled, or of the future is refused", () => {
  const load = (...states: SessionState[]): Keyspace => {
    const sessions = new SessionTable();
    for (const state of states) sessions.add(new Session(state));
    const header = { appliedIndex: 5, clockMs: 1_000, semanticsLevel: 1 };
    const keyspace = new Keyspace({}, { ...emptyContents(), header, sessions });
    return loaded(chunksOf(keyspace.beginSnapshot({ heldBytesMax: 1_000 })));
  };
  const state = { ttlMs: 1_000, lastSequence: 3, kept: [undefined, "+OK\r\n"] };
  expect(load({ ...state, id: "a", usedMs: 900 }, { ...state, id: "b", usedMs: 900 }).sessions.count).toBe(2);
  expect(() => load({ ...state, id: "a", usedMs: 900 }, { ...state, id: "b", usedMs: 899 })).toThrow("not in order");
  expect(() => load({ ...state, id: "a", usedMs: 1_001 })).toThrow("not in order");
});

test("a damaged session in a snapshot is noticed by the digest", () => {
  const replica = new Replica();
  const [id = ""] = replica.write(1_000, open()) as string[];
  replica.write(1_000, run(id, 1, "INCR", "k"));
  const bytes = Buffer.concat([...chunksOf(replica.keyspace.beginSnapshot({ heldBytesMax: 1_000_000 }))]);
  const at = bytes.indexOf(id);
  expect(at).toBeGreaterThan(0);
  expect(loaded([bytes]).sessions.count).toBe(1);
  bytes[at + id.length - 1] = (bytes[at + id.length - 1] as number) ^ 1;
  expect(() => loaded([bytes])).toThrow("digest");
});
