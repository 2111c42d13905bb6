import { expect, test } from "vitest";
import type { DatagramSocket } from "../platform/index.ts";
import type { NetworkSettings } from "./network.ts";
import { SimulatedWorld } from "./world.ts";

const count = 200;

interface Run {
  readonly world: SimulatedWorld;
  readonly received: number[];
  readonly sender: DatagramSocket;
  sendAll(): void;
}

async function start(settings: Partial<NetworkSettings>): Promise<Run> {
  const world = new SimulatedWorld({ seed: 7, network: settings });
  const received: number[] = [];
  const handlers = { onMessage: (bytes: Uint8Array): number => received.push(bytes[0] ?? -1), onError: (): void => {} };
  const there = world.machine("n2").start().datagrams;
  const here = world.machine("n1").start().datagrams;
  await world.until(there.bind({ host: "n2", port: 9 }, handlers));
  const sender = await world.until(here.bind({ host: "", port: 0 }, handlers, { host: "n2", port: 9 }));
  const sendAll = (): void => {
    for (let number = 0; number < count; number++) sender.send(Uint8Array.of(number), undefined, () => {});
  };
  return { world, received, sender, sendAll };
}

const numbers = Array.from({ length: count }, (_, number) => number);
const ascending = (a: number, b: number): number => a - b;

test("datagrams overtake each other, and all arrive where nothing is lost", async () => {
  const { world, received, sendAll } = await start({ jitterMs: 5 });
  sendAll();
  await world.run(1_000);
  expect(received).not.toEqual(numbers);
  expect(received.toSorted(ascending)).toEqual(numbers);
});

test("lost datagrams do not come again", async () => {
  const { world, received, sendAll } = await start({ lossChance: 0.5 });
  sendAll();
  await world.run(60_000);
  expect(received.length).toBeGreaterThan(count / 4);
  expect(received.length).toBeLessThan((count * 3) / 4);
  expect(new Set(received).size).toBe(received.length);
});

test("doubled datagrams come twice", async () => {
  const { world, received, sendAll } = await start({ duplicateChance: 1 });
  sendAll();
  await world.run(1_000);
  expect(received.toSorted(ascending)).toEqual([...numbers, ...numbers].toSorted(ascending));
});

test("nothing gets through a cut, to a machine without power, or to a process that is gone", async () => {
  const { world, received, sendAll } = await start({});
  world.network.cut({ from: "n1", to: "n2" });
  sendAll();
  await world.run(1_000);
  world.network.healAll();
  world.machine("n2").cutPower();
  sendAll();
  await world.run(1_000);
  world.machine("n2").start();
  sendAll();
  await world.run(1_000);
  expect(received).toEqual([]);
});
