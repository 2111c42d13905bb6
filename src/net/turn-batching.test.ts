import { expect, test } from "vitest";
import { closed, type Runtime } from "../channels/index.ts";
import {
  createNodePlatform,
  type DatagramHandlers,
  NetworkError,
  type StreamHandlers,
  type StreamSocket,
} from "../platform/index.ts";
import { Connection } from "./connection.ts";
import { TurnBatching } from "./turn-batching.ts";
import { UdpSocket } from "./udp-socket.ts";

const address = { host: "127.0.0.1", port: 1 };

/** A clock whose turns end when the test says so. */
class Turns {
  #callbacks: (() => void)[] = [];
  readonly runtime: Runtime;
  readonly batching: TurnBatching;

  constructor() {
    const clock = {
      nowMs: () => 0,
      wallMs: () => 0,
      setTimer: () => ({ cancel: () => {} }),
      atEndOfTurn: (callback: () => void) => void this.#callbacks.push(callback),
    };
    this.runtime = { clock, random: createNodePlatform().random };
    this.batching = TurnBatching.of(clock);
  }

  end(): void {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
  }

  /** As when the second callback of a turn throws: those behind it run at the end of the next. */
  endWithFailure(): void {
    this.#callbacks.shift()?.();
  }

  /** So much comes in that arrivals are batched from the next turn on. */
  makeBusy(): this {
    this.arrive(100);
    this.end();
    return this;
  }

  arrive(count: number): boolean {
    let isBatching = false;
    for (let arrived = 0; arrived < count; arrived++) isBatching = this.batching.noteArrival();
    return isBatching;
  }
}

interface TestConnection {
  readonly connection: Connection;
  readonly handlers: StreamHandlers;
  readonly calls: readonly string[];
}

function connectionOn(turns: Turns, readBufferBytesMax = 1_000): TestConnection {
  const calls: string[] = [];
  const opened: StreamHandlers[] = [];
  const connection = new Connection(
    (handlers): StreamSocket => {
      opened.push(handlers);
      return {
        localAddress: address,
        remoteAddress: address,
        pendingBytes: 0,
        handle: () => {},
        write: () => true,
        pause: () => void calls.push("pause"),
        resume: () => void calls.push("resume"),
        end: () => void calls.push("end"),
        destroy: () => void calls.push("destroy"),
      };
    },
    { runtime: turns.runtime, readBufferBytesMax, closeWaitMs: 1 },
    { onClose: () => {} },
  );
  const [handlers] = opened;
  if (handlers === undefined) throw new Error("not opened");
  return { connection, handlers, calls };
}

interface TestSocket {
  readonly socket: UdpSocket;
  arrive(text: string): void;
}

function socketOn(turns: Turns, pendingDatagramsMax = 100): TestSocket {
  const socket = new UdpSocket({ runtime: turns.runtime, pendingDatagramsMax, pendingSendsMax: 1 });
  socket.bound({ localAddress: address, remoteAddress: undefined, send: () => {}, close: () => Promise.resolve() });
  const onMessage: DatagramHandlers["onMessage"] = socket.onMessage;
  return { socket, arrive: (text) => onMessage(Buffer.from(text), address) };
}

/** Everything that lies there or comes until it is closed, in words. */
async function readAll(connection: Connection): Promise<string[]> {
  const read: string[] = [];
  try {
    for await (const piece of connection) read.push(Buffer.from(piece).toString());
    read.push("closed");
  } catch (error) {
    read.push(error instanceof Error && "code" in error ? String(error.code) : "?");
  }
  return read;
}

test("where little comes in, each is woken at once; where much does, all at the end of the turn", () => {
  const turns = new Turns();
  expect(turns.arrive(100)).toBe(false);
  turns.end();
  expect(turns.arrive(8)).toBe(true);
  turns.end();
  expect(turns.arrive(7)).toBe(true);
  turns.end();
  expect(turns.arrive(1)).toBe(false);
});

test("a turn in which nothing came is not taken for a busy one", () => {
  const turns = new Turns().makeBusy();
  turns.end();
  turns.arrive(1);
  turns.end();
  expect(turns.arrive(1)).toBe(false);
});

test("connections that share a clock share its turns", () => {
  const turns = new Turns();
  expect(TurnBatching.of(turns.runtime.clock)).toBe(turns.batching);
  expect(TurnBatching.of(new Turns().runtime.clock)).not.toBe(turns.batching);
});

test("a reader gets the bytes of a busy turn at its end, and in their order", async () => {
  const turns = new Turns().makeBusy();
  const { connection, handlers } = connectionOn(turns);
  const reading = readAll(connection);
  handlers.onData(Buffer.from("a"));
  expect(connection.read()).toBeInstanceOf(Promise);
  handlers.onData(Buffer.from("b"));
  handlers.onData(Buffer.from("c"));
  turns.end();
  handlers.onData(Buffer.from("d"));
  handlers.onEnd?.();
  expect(await reading).toEqual(["a", "c", "d", "closed"]);
});

test("the other side's end comes after what its turn held back", async () => {
  const turns = new Turns().makeBusy();
  const { connection, handlers } = connectionOn(turns);
  const reading = readAll(connection);
  handlers.onData(Buffer.from("last words"));
  handlers.onEnd?.();
  turns.end();
  expect(await reading).toEqual(["last words", "closed"]);
});

test("what came before a connection broke is read before the error, in a busy turn too", async () => {
  const turns = new Turns().makeBusy();
  const { connection, handlers } = connectionOn(turns);
  const reading = readAll(connection);
  handlers.onData(Buffer.from("last words"));
  handlers.onClose(new NetworkError("ECONNRESET", "reset"));
  expect(await reading).toEqual(["last words", "CONNECTION_LOST"]);
  turns.end();
});

test("a connection that is destroyed drops what its turn held back", async () => {
  const turns = new Turns().makeBusy();
  const { connection, handlers } = connectionOn(turns);
  const reading = readAll(connection);
  handlers.onData(Buffer.from("dropped"));
  connection.destroy();
  turns.end();
  expect(await reading).toEqual(["closed"]);
});

test("in a busy turn too a full buffer makes the other side wait, and a read lets it go on", async () => {
  const turns = new Turns().makeBusy();
  const { connection, handlers, calls } = connectionOn(turns, 4);
  handlers.onData(Buffer.from("ab"));
  expect(calls).toEqual([]);
  handlers.onData(Buffer.from("cd"));
  expect(calls).toEqual(["pause"]);
  turns.end();
  expect(await connection.read()).toEqual(Buffer.from("ab"));
  expect(calls).toEqual(["pause", "resume"]);
  const full = connectionOn(turns, 4);
  turns.makeBusy();
  full.handlers.onData(Buffer.from("abcd"));
  expect(full.calls).toEqual(["pause"]);
});

test("a receiver gets the datagrams of a busy turn at its end, and in their order", () => {
  const turns = new Turns().makeBusy();
  const { socket, arrive } = socketOn(turns);
  for (const text of ["a", "b", "c"]) arrive(text);
  expect(socket.datagrams.length).toBe(0);
  turns.end();
  expect(socket.datagrams.length).toBe(3);
  turns.makeBusy();
  // Others lie there: who receives does not wait.
  arrive("d");
  expect(socket.datagrams.length).toBe(4);
  const received = ["", "", "", ""].map(() => {
    const datagram = socket.datagrams.tryReceive();
    return typeof datagram === "object" && "bytes" in datagram ? Buffer.from(datagram.bytes).toString() : "none";
  });
  expect(received).toEqual(["a", "b", "c", "d"]);
});

test("a datagram overtakes none that is handed out late", () => {
  const turns = new Turns().makeBusy();
  const { socket, arrive } = socketOn(turns);
  arrive("a");
  turns.endWithFailure();
  arrive("b");
  expect(socket.datagrams.length).toBe(0);
  turns.end();
  expect(socket.datagrams.length).toBe(2);
});

test("a busy turn drops and counts no other datagrams than a quiet one", () => {
  const busy = socketOn(new Turns().makeBusy());
  for (let count = 0; count < 130; count++) busy.arrive("x");
  expect([busy.socket.datagrams.length, busy.socket.droppedCount]).toEqual([100, 30]);
  const small = socketOn(new Turns().makeBusy(), 2);
  for (let count = 0; count < 3; count++) small.arrive("x");
  expect([small.socket.datagrams.length, small.socket.droppedCount]).toEqual([2, 1]);
});

test("a socket that is closed drops what its turn held back", async () => {
  const turns = new Turns().makeBusy();
  const { socket, arrive } = socketOn(turns);
  arrive("dropped");
  await socket.close();
  turns.end();
  expect([await socket.receive(), socket.droppedCount]).toEqual([closed, 0]);
});
