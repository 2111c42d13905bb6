import { expect, test } from "vitest";
import { LocalNetwork } from "./local-network.ts";
import { LocalSocket } from "./local-socket.ts";

/** Events of one end, as text. */
function watch(socket: LocalSocket, options: { readonly holdsOpen?: boolean } = {}): string[] {
  const events: string[] = [];
  socket.handle({
    onData: (bytes) => events.push(Buffer.from(bytes).toString("latin1")),
    ...(options.holdsOpen === true ? { onEnd: () => events.push("end") } : {}),
    onClose: () => events.push("close"),
  });
  return events;
}

/** Lets all microtasks run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("what one end writes arrives at the other, in order, after the call", async () => {
  const [near, far] = LocalSocket.pair();
  const events = watch(far);
  near.write("one \u00ff");
  near.write(new Uint8Array([0x32]));
  expect(events).toEqual([]);
  await settled();
  expect(events).toEqual(["one \u00ff", "2"]);
});

test("what comes before the other end is handled waits for it", async () => {
  const [near, far] = LocalSocket.pair();
  near.write("early");
  await settled();
  const events = watch(far);
  await settled();
  expect(events).toEqual(["early"]);
});

test("a paused end gets nothing until it resumes", async () => {
  const [near, far] = LocalSocket.pair();
  const events = watch(far);
  far.pause();
  near.write("later");
  near.end();
  await settled();
  expect(events).toEqual([]);
  far.resume();
  await settled();
  expect(events).toEqual(["later", "close"]);
});

test("an end that is answered by an end closes both", async () => {
  const [near, far] = LocalSocket.pair();
  const nearEvents = watch(near);
  const farEvents = watch(far, { holdsOpen: true });
  near.write("last");
  near.end();
  near.write("too late");
  await settled();
  expect(farEvents).toEqual(["last", "end"]);
  far.write("answer");
  far.end();
  await settled();
  expect([nearEvents, farEvents]).toEqual([
    ["answer", "close"],
    ["last", "end", "close"],
  ]);
});

test("destroy drops what has not arrived here, and closes the other end after what was written", async () => {
  const [near, far] = LocalSocket.pair();
  const nearEvents = watch(near);
  const farEvents = watch(far);
  far.write("dropped");
  near.write("arrives");
  near.destroy();
  await settled();
  expect([nearEvents, farEvents]).toEqual([["close"], ["arrives", "close"]]);
});

test("a network within the process connects to its listener until that is closed", async () => {
  const network = new LocalNetwork(undefined);
  const handlers = { onData: () => {}, onClose: () => {} };
  expect(network.open(handlers)).toBeUndefined();
  const accepted: unknown[] = [];
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
    socket.handle(handlers);
    accepted.push(socket);
  });
  expect(network.open(handlers)).toBeDefined();
  expect(accepted).toHaveLength(1);
  await listener.close();
  expect(network.open(handlers)).toBeUndefined();
});

test("a network within the process reaches nobody outside", async () => {
  const events: string[] = [];
  new LocalNetwork(undefined).connect(
    { host: "127.0.0.1", port: 1 },
    { onOpen: () => events.push("open"), onData: () => {}, onClose: () => events.push("close") },
  );
  await settled();
  expect(events).toEqual(["close"]);
});
