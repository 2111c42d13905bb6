import type { Platform, SocketAddress } from "../platform/index.ts";
import { ErrorReply, type Reply } from "../resp/index.ts";
import { RedisSession } from "./redis-session.ts";
import type { SeededRandom } from "./seeded-random.ts";

export interface SessionClientOptions {
  readonly name: string;
  readonly platform: Platform;
  readonly random: SeededRandom;
  readonly servers: readonly SocketAddress[];
  readonly thinkMs: number;
  readonly patienceMs: number;
  readonly ttlMs: number;
  readonly onViolation: (text: string) => void;
  readonly onStep: ((text: string) => void) | undefined;
}

/** A numbered command that is not known to be done. */
interface PendingCall {
  readonly sequence: number;
  readonly words: readonly string[];
  /** What it must answer, whenever and however often it is sent. */
  readonly expected: number;
  inFlight: number;
}

interface Link {
  session: RedisSession | undefined;
  oldestMs: number | undefined;
}

const pendingMax = 4;
/** Errors that leave everything as it was, or open. */
const doubts: ReadonlySet<string> = new Set([
  "UNCERTAIN",
  "TRYAGAIN",
  "CLUSTERDOWN",
  "DISKFULL",
  "LOADING",
  "SEQUENCEGAP",
]);

/**
 * A client that sends every command of its session again and again: after a doubt, at other nodes, over two connections at
 * once, and out of order. It alone works on its two keys, so it knows what each command has to answer, and an effect that
 * happens twice, or out of its turn, shows at once (CONSENSUS I-18). When its session has gone it looks what became of
 * what was open, and whatever of the old session still arrives must do nothing (S-3).
 */
export class SessionClient {
  readonly #options: SessionClientOptions;
  readonly #counter: string;
  readonly #log: string;
  readonly #links: readonly Link[] = [
    { session: undefined, oldestMs: undefined },
    { session: undefined, oldestMs: undefined },
  ];
  #id: string | undefined;
  #lastSequence = 0;
  #pending: PendingCall[] = [];
  /** What the keys hold once all pending commands are done. */
  #count = 0;
  #text = "";
  /** What is being read of the two keys: to begin anew behind a session that has gone, or at the end. */
  #reading: { readonly replies: (string | null | undefined)[]; inFlight: number } | undefined;
  #isStopping = false;
  #isDone = false;
  #isOpening = false;
  #doneCount = 0;
  #expiredCount = 0;

  constructor(options: SessionClientOptions) {
    this.#options = options;
    // A session is of one shard, and so must be what it works on.
    this.#counter = `{${options.name}}once`;
    this.#log = `{${options.name}}log`;
  }

  start(): void {
    const { platform, random, thinkMs } = this.#options;
    platform.clock.setTimer(random.exponential(thinkMs), () => {
      if (this.#isDone) return;
      this.#step();
      this.start();
    });
  }

  /** Begins nothing new; brings what is pending to its end, and reads what was written. */
  stop(): void {
    this.#isStopping = true;
  }

  /** Whatever is still open is nobody's business any more. */
  giveUp(): void {
    this.#isDone = true;
  }

  get isIdle(): boolean {
    return this.#isDone;
  }

  /** Commands that are done, and sessions that had gone. */
  get counts(): { readonly done: number; readonly expired: number } {
    return { done: this.#doneCount, expired: this.#expiredCount };
  }

  #step(): void {
    const { random } = this.#options;
    this.#breakSomething();
    if (this.#reading !== undefined) this.#read(this.#reading);
    else if (this.#isStopping && this.#pending.length === 0) this.#beginToRead();
    else if (this.#id === undefined) this.#open();
    else {
      while (!this.#isStopping && this.#pending.length < pendingMax && random.chance(0.6)) this.#draw();
      // Some in the wrong order, some twice.
      const calls = random.chance(0.2) ? random.shuffle([...this.#pending]) : this.#pending;
      for (const call of calls) if (call.inFlight === 0 || random.chance(0.1)) this.#transmit(call);
    }
  }

  #draw(): void {
    const sequence = ++this.#lastSequence;
    const isCount = this.#options.random.chance(0.6);
    const piece = `${sequence};`;
    if (isCount) this.#count++;
    else this.#text += piece;
    const words = isCount ? ["INCRBY", this.#counter, "1"] : ["APPEND", this.#log, piece];
    const expected = isCount ? this.#count : this.#text.length;
    this.#pending.push({ sequence, words, expected, inFlight: 0 });
  }

  #transmit(call: PendingCall): void {
    const id = this.#id ?? "";
    const acknowledged = (this.#pending[0]?.sequence ?? 1) - 1;
    const words = ["COTERIE", "SESSION", "RUN", id, String(call.sequence), String(acknowledged), ...call.words];
    call.inFlight++;
    this.#send(words, (reply) => {
      call.inFlight--;
      if (id === this.#id) this.#hear(call, reply);
    });
  }

  #hear(call: PendingCall, reply: Reply | undefined): void {
    const code = reply instanceof ErrorReply ? reply.text.split(" ", 1)[0] : undefined;
    const isPending = this.#pending.includes(call);
    if (reply === undefined || (code !== undefined && doubts.has(code))) return;
    if (code === "SESSIONEXPIRED") {
      if (isPending) this.#expired();
    } else if (reply === call.expected) {
      if (isPending) this.#done(call);
    } else if (isPending || code !== "REPLYLOST") {
      const what = reply instanceof ErrorReply ? reply.text : JSON.stringify(reply);
      this.#violated(`command ${call.sequence} (${call.words.join(" ")}) answers ${what}, not ${call.expected} [I-18]`);
    }
  }

  #done(call: PendingCall): void {
    this.#doneCount++;
    // What comes before it is done as well; its reply is still to come.
    this.#pending = this.#pending.filter((other) => other !== call);
  }

  #expired(): void {
    this.#options.onStep?.(`session ${this.#id} has gone`);
    this.#expiredCount++;
    this.#id = undefined;
    this.#beginToRead();
  }

  #open(): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const { ttlMs } = this.#options;
    this.#send(["COTERIE", "SESSION", "OPEN", "TTL", String(ttlMs), "KEY", this.#counter], (reply) => {
      this.#isOpening = false;
      if (typeof reply !== "string" || this.#id !== undefined) return;
      this.#id = reply;
      this.#lastSequence = 0;
    });
  }

  #beginToRead(): void {
    this.#reading = { replies: [undefined, undefined], inFlight: 0 };
  }

  #read(reading: { readonly replies: (string | null | undefined)[]; inFlight: number }): void {
    if (reading.inFlight > 0) return;
    for (const [at, key] of [this.#counter, this.#log].entries()) {
      reading.inFlight++;
      this.#send(["GET", key], (reply) => {
        reading.inFlight--;
        if (reply === null || typeof reply === "string") reading.replies[at] = reply;
        const [count, text] = reading.replies;
        if (reading !== this.#reading || count === undefined || text === undefined) return;
        this.#reading = undefined;
        this.#compare(Number(count ?? 0), text ?? "");
      });
    }
  }

  /** What is there must be what some first ones of the pending commands have left behind. */
  #compare(count: number, text: string): void {
    const pending = this.#pending.toSorted((left, right) => left.sequence - right.sequence);
    // Commands behind one that is pending may be done already: all before those are, then.
    const texts = pending.filter(({ words }) => words[0] === "APPEND");
    const increments = pending.length - texts.length;
    const isText = this.#text.startsWith(text) && text.length >= this.#text.length - lengthOf(texts);
    if (!isText || count > this.#count || count < this.#count - increments) {
      const expected = `${this.#count} and ${JSON.stringify(this.#text.slice(-60))} with ${pending.length} open`;
      this.#violated(`reads ${count} and ${JSON.stringify(text.slice(-60))}, not ${expected} [I-18]`);
      return;
    }
    this.#pending = [];
    this.#count = count;
    this.#text = text;
    if (this.#isStopping) this.#isDone = true;
  }

  #violated(text: string): void {
    this.#isDone = true;
    this.#options.onViolation(`session client ${this.#options.name}: ${text}`);
  }

  #breakSomething(): void {
    const { platform, random, patienceMs } = this.#options;
    for (const link of this.#links) {
      const isLate = link.oldestMs !== undefined && platform.clock.nowMs() - link.oldestMs > patienceMs;
      if (isLate || random.chance(0.01)) link.session?.destroy();
    }
  }

  /** `done` gets the reply, or undefined if none comes. */
  #send(words: readonly string[], done: (reply: Reply | undefined) => void): void {
    const { onStep, onViolation, platform, random, servers } = this.#options;
    const link = random.pick(this.#links);
    let session = link.session;
    if (session === undefined) {
      const opened: RedisSession = new RedisSession(platform, random.pick(servers), {
        onOpen: () => {},
        onClose: () => {
          if (link.session === opened) link.session = undefined;
          link.oldestMs = undefined;
        },
        onNonsense: (reason) => onViolation(`session client ${this.#options.name}: ${reason}`),
      });
      session = opened;
      link.session = session;
    }
    const what = onStep === undefined ? "" : words.slice(2).join(" ");
    onStep?.(`asks ${what}`);
    link.oldestMs ??= platform.clock.nowMs();
    session.send([
      {
        words,
        done: (reply) => {
          if (link.session === session) link.oldestMs = session.waitingCount > 0 ? platform.clock.nowMs() : undefined;
          onStep?.(`hears of ${what}: ${reply instanceof ErrorReply ? reply.text.slice(0, 40) : String(reply)}`);
          if (!this.#isDone) done(reply);
        },
      },
    ]);
  }
}

function lengthOf(calls: readonly PendingCall[]): number {
  return calls.reduce((sum, { words }) => sum + (words[2]?.length ?? 0), 0);
}
