import { expect, test } from "vitest";
import type { StreamSocket } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import { PeerLink } from "./peer-link.ts";

/** A socket that takes everything, or nothing. */
class FakeSocket implements StreamSocket {
  readonly remoteAddress = { host: "n2", port: 1 };
  readonly localAddress = { host: "n1", port: 2 };
  readonly written: Buffer[] = [];
  isTaking = true;
  isDestroyed = false;
  pendingBytes = 0;
  handle(): void {}
  write(data: string | Uint8Array): boolean {
    this.written.push(Buffer.from(data));
    return this.isTaking;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {
    this.isDestroyed = true;
  }
}

function makeLink(seeds: { readonly send: number; readonly receive: number }) {
  const socket = new FakeSocket();
  const received: string[] = [];
  const downs: string[] = [];
  let drains = 0;
  const link = new PeerLink({
    clock: new SimulatedWorld({ seed: 1 }).machine("n1").start().clock,
    kind: "data",
    peer: {
      clusterId: new Uint8Array(16),
      shapeDigest: new Uint8Array(8),
      nodeId: 2,
      name: "n2",
      directoryId: new Uint8Array(16),
      bootCounter: 1,
      incarnation: new Uint8Array(16),
      diskEpoch: 1,
      address: { host: "n2", port: 1 },
    },
    version: 4,
    socket,
    sendSeed: seeds.send,
    receiveSeed: seeds.receive,
    frameBytesMax: 1_000_000,
    handler: {
      onMessage: (_, type, payload) => {
        received.push(`${type} ${payload.byteString()}`);
        return true;
      },
      onMessagesEnd: () => {},
      onDrain: () => drains++,
      onDown: (_, reason) => downs.push(reason),
    },
  });
  const send = (text: string): void => {
    link.begin(5, text.length + 4).byteString(text);
    link.end();
  };
  return { link, socket, received, downs, send, drainCount: () => drains };
}

test("a frame that is replayed, or of another connection, breaks this one off and is not shown", () => {
  const one = makeLink({ send: 11, receive: 22 });
  one.send("once");
  one.link.flush();
  const [frame] = one.socket.written as [Buffer];
  const two = makeLink({ send: 22, receive: 11 });
  two.link.handlers.onData(frame);
  expect(two.received).toEqual(["5 once"]);
  two.link.handlers.onData(frame);
  expect(two.downs).toEqual(["a bad frame: sequence"]);
  expect(two.received).toEqual(["5 once"]);
  expect(two.socket.isDestroyed).toBe(true);
  const other = makeLink({ send: 22, receive: 12 });
  other.link.handlers.onData(frame);
  expect(other.downs).toEqual(["a bad frame: checksum"]);
  expect(other.received).toEqual([]);
});

test("while the operating system takes nothing, messages collect into few frames, and are known not to be sent", () => {
  const { link, socket, send, drainCount } = makeLink({ send: 1, receive: 2 });
  socket.isTaking = false;
  send("first");
  link.flush();
  expect([link.messageCount, link.sentCount]).toEqual([1, 1]);
  for (let each = 0; each < 10; each++) {
    send(`waiting ${each}`);
    link.flush();
  }
  expect(socket.written).toHaveLength(1);
  expect([link.messageCount, link.sentCount]).toEqual([11, 1]);
  socket.isTaking = true;
  link.handlers.onDrain?.();
  expect(socket.written).toHaveLength(2);
  expect(link.sentCount).toBe(11);
  expect(drainCount()).toBe(1);
});

test("a link goes down once, and sends nothing afterwards", () => {
  const { link, socket, send, downs } = makeLink({ send: 1, receive: 2 });
  link.handlers.onClose(undefined);
  link.close("again");
  send("late");
  link.flush();
  expect(downs).toEqual(["the connection was closed"]);
  expect(socket.written).toEqual([]);
});
