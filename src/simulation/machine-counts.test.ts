import { expect, test } from "vitest";
import type { StreamSocket } from "../platform/index.ts";
import { SimulatedWorld } from "./world.ts";

const quiet = { onData: (): void => {}, onClose: (): void => {} };

test("a machine counts what it sends to others, and nothing that stays within it", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const [here, there] = [world.machine("n1"), world.machine("n2")];
  const platform = here.start();
  const other = there.start();
  const accepted: StreamSocket[] = [];
  const accept = (socket: StreamSocket): void => {
    socket.handle(quiet);
    accepted.push(socket);
  };
  await world.until(other.network.listen({ host: "n2", port: 7 }, accept));
  await world.until(platform.network.listen({ host: "n1", port: 7 }, (socket) => socket.handle(quiet)));
  const away = platform.network.connect({ host: "n2", port: 7 }, quiet);
  const home = platform.network.connect({ host: "n1", port: 7 }, quiet);
  await world.run(100);
  expect([here.sent, there.sent], "opening a connection").toEqual([
    { messages: 0, bytes: 0 },
    { messages: 0, bytes: 0 },
  ]);
  away.write("twelve bytes");
  away.write("five.");
  home.write("nothing");
  const handlers = { onMessage: (): void => {}, onError: (): void => {} };
  const datagrams = await world.until(platform.datagrams.bind({ host: "", port: 0 }, handlers));
  datagrams.send(new Uint8Array(100), { host: "n2", port: 9 }, () => {});
  datagrams.send(new Uint8Array(100), { host: "n1", port: 9 }, () => {});
  await world.run(100);
  accepted[0]?.write("back");
  await world.run(100);
  expect([here.sent, there.sent]).toEqual([
    { messages: 3, bytes: 117 },
    { messages: 1, bytes: 4 },
  ]);
});

test("a disk counts syncs, and no other operations", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const machine = world.machine("n1");
  const { disk } = machine.start();
  const file = await world.until(disk.open("/a", "create"));
  await world.until(disk.syncDirectory("/"));
  await world.until(new Promise<void>((resolve) => void file.write(Buffer.from("a"), 0, () => resolve())));
  expect(machine.disk.syncCount).toBe(1);
  await world.until(new Promise<void>((resolve) => void file.sync(() => resolve())));
  expect(machine.disk.syncCount).toBe(2);
});
