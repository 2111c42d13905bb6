import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Draw, drawFrom } from "../../test/keyspace/random-commands.ts";
import { Replica } from "../../test/keyspace/replica.ts";
import type { Clock, Timer } from "../platform/index.ts";
import { ErrorReply, type Reply } from "../resp/index.ts";
import { CommandError, StoreClosedError } from "./command-error.ts";
import { Coterie } from "./coterie.ts";
import { type CommandArgument, toByteString } from "./reply-value.ts";
import { Session, type SessionHost, type SessionOptions } from "./session.ts";

/** Time that passes when somebody says so. */
class ManualClock implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    const cancel = (): void => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
    return { cancel };
  }

  atEndOfTurn(callback: () => void): void {
    setImmediate(callback);
  }

  get timerCount(): number {
    return this.#timers.length;
  }

  /** Time passes until the next timer. */
  fireNext(): void {
    const next = this.#timers.toSorted((left, right) => left.atMs - right.atMs)[0];
    if (next === undefined) return;
    this.#timers = this.#timers.filter((other) => other !== next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.callback();
  }
}

type Fate = "done" | "lost" | "uncertain" | "cut" | "refused";

/** A cluster of one replica, with a way to it on which things go wrong. */
class FaultyCluster implements SessionHost {
  readonly clock = new ManualClock();
  readonly random: SessionHost["random"];
  readonly shardCount = 1;
  readonly replica = new Replica();
  readonly sent: string[] = [];
  isClosed = false;
  /** What becomes of a command. */
  fateOf: (words: readonly string[]) => Fate = () => "done";
  #waiting: (() => void)[] = [];

  constructor(draw: Draw = drawFrom(1)) {
    this.random = { uint32: () => draw(0xffff_ffff), bytes: (length) => new Uint8Array(length) };
  }

  readonly isOver = (): boolean => this.isClosed;

  readonly send = (given: readonly CommandArgument[]): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const words = given.map(toByteString);
      this.sent.push(words.join(" "));
      this.#waiting.push(() => {
        if (this.isClosed) return reject(new StoreClosedError("closed", "unknown"));
        const fate = this.fateOf(words);
        if (fate === "refused") return reject(new CommandError("TRYAGAIN it did not happen"));
        const reply = fate === "cut" ? null : this.replica.run(words, Math.floor(this.clock.nowMs()));
        if (fate === "cut" || fate === "lost") return reject(new StoreClosedError("the reply is lost", "unknown"));
        if (fate === "uncertain") return reject(new CommandError("UNCERTAIN it may have happened"));
        return reply instanceof ErrorReply ? reject(new CommandError(reply.text)) : resolve(reply);
      });
    });

  /** Everything arrives, and time passes, until the promise is settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    promise.then(note, note);
    for (let step = 0; !isSettled && step < 100_000; step++) {
      const next = this.#waiting.shift();
      if (next === undefined) this.clock.fireNext();
      else next();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return promise;
  }
}

function started(options: SessionOptions = {}) {
  const cluster = new FaultyCluster();
  return { cluster, session: new Session(cluster, options) };
}

const increment = (session: Session): Promise<unknown> => session.command("INCR", "k");

describe("a session", () => {
  test.for(Array.from({ length: 8 }, (_, at) => at + 1))(
    "does each command once and in order, whatever is lost, seed %i [I-18]",
    async (seed) => {
      const draw = drawFrom(seed);
      const cluster = new FaultyCluster(draw);
      const fates: readonly Fate[] = ["done", "done", "done", "lost", "uncertain", "cut", "refused"];
      const calm = draw(5);
      cluster.fateOf = () => (draw(10) < calm ? "done" : (fates[draw(fates.length)] as Fate));
      const session = new Session(cluster, { timeoutMs: 10_000_000 });
      const replies: Promise<unknown>[] = [];
      for (let at = 0; at < 100; at++) {
        replies.push(increment(session));
        if (draw(20) === 0) await cluster.until(Promise.resolve());
      }
      expect(await cluster.until(Promise.all(replies))).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
      await cluster.until(session.close());
      expect(cluster.clock.timerCount).toBe(0);
    },
  );

  test("pipelines its commands, and opens itself with the first", async () => {
    const { cluster, session } = started({ ttlMs: 5_000 });
    expect(cluster.sent).toEqual([]);
    expect(await cluster.until(Promise.all([1, 2, 3].map(() => increment(session))))).toEqual([1, 2, 3]);
    expect(cluster.sent[0]).toBe("COTERIE SESSION OPEN TTL 5000");
    expect(cluster.sent.slice(1).map((text) => text.split(" ").slice(4).join(" "))).toEqual([
      "1 0 INCR k",
      "2 0 INCR k",
      "3 0 INCR k",
    ]);
    expect(await cluster.until(increment(session))).toBe(4);
    expect(cluster.sent.at(-1)).toMatch(/ 4 3 INCR k$/);
  });

  test("rejects with the command's own error, and goes on", async () => {
    const { cluster, session } = started();
    await cluster.until(session.command("SET", "k", "text"));
    await expect(cluster.until(increment(session))).rejects.toMatchObject({ code: "ERR", outcome: "notApplied" });
    await expect(cluster.until(session.command("NOSUCH"))).rejects.toMatchObject({ code: "ERR" });
    await expect(cluster.until(session.command("FLUSHALL"))).rejects.toThrow("cannot be run in a session");
    expect(await cluster.until(session.command("STRLEN", "k"))).toBe(4);
  });

  test("that has gone is opened again for commands which surely were not carried out [S-3]", async () => {
    const { cluster, session } = started();
    await cluster.until(increment(session));
    cluster.replica.advance(10_000_000);
    expect(await cluster.until(Promise.all([increment(session), increment(session)]))).toEqual([2, 3]);
  });

  test("that has gone leaves open what became of a command which may have been carried out [S-3]", async () => {
    const { cluster, session } = started();
    await cluster.until(increment(session));
    const fates: Fate[] = ["lost", "refused"];
    cluster.fateOf = () => {
      const fate = fates.shift() ?? "done";
      if (fate === "refused") cluster.replica.advance(10_000_000);
      return fate;
    };
    await expect(cluster.until(increment(session))).rejects.toMatchObject({
      code: "SESSIONEXPIRED",
      outcome: "unknown",
    });
    expect(await cluster.until(increment(session))).toBe(3);
  });

  test("gives a command up after its time: not applied if that is sure, and the next ones go on", async () => {
    const { cluster, session } = started({ timeoutMs: 3_000 });
    await cluster.until(increment(session));
    cluster.fateOf = () => "refused";
    await expect(cluster.until(increment(session))).rejects.toMatchObject({
      code: "SESSION_TIMEOUT",
      outcome: "notApplied",
      cause: { code: "TRYAGAIN" },
    });
    cluster.fateOf = ([, , action]) => (action === "RUN" ? "lost" : "done");
    await expect(cluster.until(increment(session))).rejects.toMatchObject({
      code: "SESSION_TIMEOUT",
      outcome: "unknown",
    });
    cluster.fateOf = () => "done";
    // The lost one was carried out, once, however often it was sent.
    expect(await cluster.until(increment(session))).toBe(3);
    await cluster.until(session.close());
    expect(cluster.clock.timerCount).toBe(0);
  });

  test("goes on behind a command that no node takes", async () => {
    const { cluster, session } = started();
    const { send } = cluster;
    const host = {
      ...cluster,
      send: (words: readonly CommandArgument[]) =>
        words.includes("huge") ? Promise.reject(new CommandError("ERR too large: it did not happen")) : send(words),
    };
    const other = new Session(host, {});
    const replies = Promise.allSettled([increment(other), other.command("SET", "k", "huge"), increment(other)]);
    expect(
      (await cluster.until(replies)).map((each) => (each.status === "fulfilled" ? each.value : each.status)),
    ).toEqual([1, "rejected", 2]);
    await cluster.until(session.close());
  });

  test("closes after the commands that are under way, refuses others, and is gone from the cluster", async () => {
    const { cluster, session } = started();
    const replies = [increment(session), increment(session)];
    const closing = session.close();
    await expect(increment(session)).rejects.toMatchObject({ code: "SESSION_CLOSED", outcome: "notApplied" });
    expect(await cluster.until(Promise.all(replies))).toEqual([1, 2]);
    await cluster.until(closing);
    expect(cluster.replica.keyspace.sessions.count).toBe(0);
    await session.close();
  });

  test("ends at once when its signal is aborted", async () => {
    const controller = new AbortController();
    const { cluster, session } = started({ signal: controller.signal });
    await cluster.until(increment(session));
    cluster.fateOf = () => "refused";
    const refused = increment(session);
    await cluster.until(Promise.resolve());
    const cause = new Error("enough");
    controller.abort(cause);
    await expect(refused).rejects.toMatchObject({ code: "SESSION_CLOSED", cause });
    await expect(increment(session)).rejects.toMatchObject({ code: "SESSION_CLOSED", outcome: "notApplied", cause });
    expect(cluster.clock.timerCount).toBe(0);
    const late = new Session(cluster, { signal: controller.signal });
    await expect(increment(late)).rejects.toMatchObject({ code: "SESSION_CLOSED", outcome: "notApplied" });
  });

  test("of a store that is closed says what is known of its commands", async () => {
    const { cluster, session } = started();
    await cluster.until(increment(session));
    const reply = increment(session);
    cluster.isClosed = true;
    await expect(cluster.until(reply)).rejects.toMatchObject({ code: "STORE_CLOSED", outcome: "unknown" });
    expect(cluster.clock.timerCount).toBe(0);
  });

  test.for([
    { options: { timeoutMs: 0 }, text: "timeoutMs is a number above 0" },
    { options: { timeoutMs: Number.NaN }, text: "timeoutMs is a number above 0" },
    { options: { ttlMs: 999 }, text: "ttlMs is a whole number from 1000 to 2592000000, not 999." },
    { options: { ttlMs: 1_000.5 }, text: "not 1000.5." },
  ])("refused: $text", ({ options, text }) => {
    expect(() => started(options)).toThrow(text);
  });
});

describe("a store's session", () => {
  let store: Coterie | undefined;

  beforeEach(() => {
    store = undefined;
  });

  afterEach(async () => {
    await store?.close();
  });

  test.for([1, 8])("works over %i shards, each in its order", async (shards) => {
    store = await Coterie.start({ memory: true, shards });
    await using session = store.session();
    const keys = Array.from({ length: 40 }, (_, at) => `key:${at}`);
    const replies = keys.flatMap((key) => [session.command("INCR", key), session.command("INCR", key)]);
    expect(await Promise.all(replies)).toEqual(keys.flatMap(() => [1, 2]));
    expect(await session.commandBytes("GET", "key:1")).toEqual(new Uint8Array([0x32]));
    const across = session.command("MSET", ...keys.flatMap((key) => [key, "0"]));
    if (shards === 1) expect(await across).toBe("OK");
    else await expect(across).rejects.toMatchObject({ code: "CROSSSLOT", outcome: "notApplied" });
    expect(await Promise.all(keys.map((key) => session.command("INCR", key)))).toEqual(
      keys.map(() => (shards === 1 ? 1 : 3)),
    );
  });

  test("ends with it, whichever is closed first", async () => {
    store = await Coterie.start({ memory: true });
    const session = store.session();
    expect(await increment(session)).toBe(1);
    await store.close();
    await expect(increment(session)).rejects.toMatchObject({ code: "STORE_CLOSED", outcome: "notApplied" });
    await session.close();
  });
});
