import { expect, test } from "vitest";
import type { Platform, StreamSocket } from "../platform/index.ts";
import type { ProcessEnd } from "./process.ts";
import { SimulatedWorld } from "./world.ts";

function delay(platform: Platform, ms: number): Promise<void> {
  return new Promise((resolve) => void platform.clock.setTimer(ms, resolve));
}

/** Two machines that talk, write and draw random numbers for a while. */
async function busyWorld(seed: number): Promise<SimulatedWorld> {
  const world = new SimulatedWorld({ seed });
  const server = world.machine("server").start();
  const client = world.machine("client").start();
  const file = await world.until(server.disk.open("/log", "create"));
  let position = 0;
  const listener = await world.until(
    server.network.listen({ host: "0.0.0.0", port: 7 }, (socket) => {
      socket.handle({
        onData: (bytes) => {
          const copy = bytes.slice();
          file.writeAndSync(copy, position, () => socket.write(copy));
          position += copy.length;
        },
        onClose: () => {},
      });
    }),
  );
  let received = 0;
  const socket = client.network.connect(
    { host: "server", port: listener.address.port },
    {
      onData: (bytes) => {
        received += bytes.length;
        socket.write(client.random.bytes(5));
      },
      onClose: () => {},
    },
  );
  socket.write("hello");
  world.schedule(50, () => world.network.cut({ from: "client", to: "server" }));
  world.schedule(150, () => world.network.healAll());
  await world.run(1_000);
  expect(received).toBeGreaterThan(50);
  return world;
}

test("one seed gives one history, another seed another one [C-2]", async () => {
  const [first, again, other] = [await busyWorld(7), await busyWorld(7), await busyWorld(8)];
  expect(again.hash).toBe(first.hash);
  expect(again.eventCount).toBe(first.eventCount);
  expect(other.hash).not.toBe(first.hash);
});

test("simulated time passes without real time", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock } = world.machine("n1").start();
  const startMs = clock.nowMs();
  const wallMs = clock.wallMs();
  await world.run(3_600_000);
  expect(clock.nowMs() - startMs).toBe(3_600_000);
  expect(clock.wallMs() - wallMs).toBe(3_600_000);
});

test("what one event set off has run before the next one", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock } = world.machine("n1").start();
  const order: string[] = [];
  clock.setTimer(1, async () => {
    for (let hop = 0; hop < 20; hop++) await Promise.resolve();
    order.push("continuation of the first");
  });
  clock.setTimer(1, () => order.push("second"));
  await world.run(10);
  expect(order).toEqual(["continuation of the first", "second"]);
});

test("what arrives at one instant is there before the end of the turn", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock } = world.machine("n1").start();
  const order: string[] = [];
  for (const name of ["a", "b"]) {
    clock.setTimer(1, () => {
      order.push(name);
      clock.atEndOfTurn(() => order.push(`end ${name}`));
    });
  }
  await world.run(10);
  expect(order).toEqual(["a", "b", "end a", "end b"]);
});

test("a busy process takes what came meanwhile in one turn", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const { clock } = world.machine("n1", { callbackMs: 5 }).start();
  const turns: string[] = [];
  let names = "";
  for (const [name, ms] of Object.entries({ a: 1, b: 2, c: 3, d: 20 })) {
    clock.setTimer(ms, () => {
      if (names === "") {
        clock.atEndOfTurn(() => {
          turns.push(names);
          names = "";
        });
      }
      names += name;
    });
  }
  await world.run(100);
  expect(turns).toEqual(["a", "bc", "d"]);
});

test("nothing of a killed process ever runs again", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const ends: ProcessEnd[] = [];
  const machine = world.machine("n1", { onProcessEnd: (end) => ends.push(end) });
  const ran: string[] = [];
  machine.start((platform) => {
    platform.clock.setTimer(5, () => ran.push("timer"));
    void delay(platform, 6).then(() => ran.push("promise"));
    void platform.disk.makeDirectory("/x").then(() => ran.push("disk"));
    platform.clock.setTimer(1, () => platform.clock.atEndOfTurn(() => ran.push("turn")));
  });
  await world.run(3);
  expect(ran).toEqual(["disk", "turn"]);
  machine.kill();
  await world.run(100);
  expect(ran).toEqual(["disk", "turn"]);
  expect(ends).toEqual([{ kind: "killed" }]);
});

test("a process that exits stops in the middle, and says why", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const ends: ProcessEnd[] = [];
  const machine = world.machine("n1", { onProcessEnd: (end) => ends.push(end) });
  const ran: string[] = [];
  machine.start(({ clock, process }) => {
    clock.setTimer(1, () => {
      clock.atEndOfTurn(() => ran.push("end of turn"));
      process.exit(74, "the disk failed");
    });
    clock.setTimer(1, () => ran.push("next"));
  });
  await world.run(100);
  expect(ran).toEqual([]);
  expect(ends).toEqual([{ kind: "exited", code: 74, reason: "the disk failed" }]);
  expect(machine.process).toBeUndefined();
});

test("an error that nobody caught ends the process, not the world", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const ends: ProcessEnd[] = [];
  const machine = world.machine("n1", { onProcessEnd: (end) => ends.push(end) });
  const error = new Error("planted");
  machine.start(({ clock }) => {
    clock.setTimer(1, () => {
      throw error;
    });
  });
  await world.run(100);
  expect(ends).toEqual([{ kind: "crashed", error }]);
});

test("a paused process stands still, and then finds all that happened", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const machine = world.machine("n1");
  const fired: number[] = [];
  const { clock } = machine.start();
  const startMs = clock.nowMs();
  for (const ms of [10, 20, 2000]) clock.setTimer(ms, () => fired.push(clock.nowMs() - startMs));
  world.schedule(5, () => machine.pause());
  world.schedule(1000, () => machine.resume());
  await world.run(500);
  expect(fired).toEqual([]);
  await world.run(2000);
  expect(fired).toEqual([1000, 1000, 2000]);
});

test("wall clocks jump, stand still and drift; the monotonic clock only drifts [K-2]", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const machine = world.machine("n1");
  const { clock } = machine.start();
  const startMs = clock.nowMs();
  const wallMs = clock.wallMs();
  const yearMs = 365 * 86_400_000;
  machine.clock.jumpWall(yearMs);
  await world.run(100);
  expect([clock.nowMs() - startMs, clock.wallMs() - wallMs]).toEqual([100, yearMs + 100]);
  machine.clock.jumpWall(-yearMs);
  machine.clock.freezeWall();
  await world.run(100);
  expect([clock.nowMs() - startMs, clock.wallMs() - wallMs]).toEqual([200, 100]);
  machine.clock.thawWall();
  expect(clock.wallMs() - wallMs).toBe(200);
  machine.clock.setRate(1.5);
  let firedMs = 0;
  clock.setTimer(30, () => {
    firedMs = world.nowMs;
  });
  await world.run(100);
  expect([clock.nowMs() - startMs, clock.wallMs() - wallMs]).toEqual([350, 350]);
  expect(firedMs).toBeCloseTo(220, 2);
});

test("two lives of a process do not share a monotonic clock or random numbers", () => {
  const machine = new SimulatedWorld({ seed: 1 }).machine("n1");
  const first = machine.start();
  const times = [first.clock.nowMs(), first.random.uint32()];
  const second = machine.start();
  expect([second.clock.nowMs(), second.random.uint32()]).not.toEqual(times);
  expect(second.process.id).not.toBe(first.process.id);
});

test("a program that runs in a circle is stopped", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  world.schedule(1, function again() {
    world.schedule(0, again);
  });
  await expect(world.run(10)).rejects.toThrow("time does not go on");
});

test("a promise that nothing can settle is reported", async () => {
  const world = new SimulatedWorld({ seed: 3 });
  await expect(world.until(new Promise(() => {}), 1000)).rejects.toThrow("seed 3: the promise did not settle");
});

test("a view of received bytes is worth nothing after the handler", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const { network } = world.machine("n1").start();
  let kept: Uint8Array | undefined;
  let accepted: StreamSocket | undefined;
  const listener = await world.until(
    network.listen({ host: "127.0.0.1", port: 0 }, (socket) => {
      accepted = socket;
      socket.handle({
        onData: (bytes) => {
          kept = bytes;
        },
        onClose: () => {},
      });
    }),
  );
  network.connect(listener.address, { onData: () => {}, onClose: () => {} }).write("hello");
  await world.run(10);
  expect(accepted).toBeDefined();
  expect(Buffer.from(kept ?? []).toString("latin1")).not.toContain("hello");
});
