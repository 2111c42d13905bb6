import { expect, test } from "vitest";
import type { Platform } from "../platform/index.ts";
import { SimulatedWorld } from "./world.ts";

const address = { path: "/socket" };

function outcomeOf(world: SimulatedWorld, { unixNetwork }: Platform): Promise<string> {
  return world.until(
    new Promise((resolve) => {
      const socket = unixNetwork.connect(address, {
        onOpen: () => resolve("open"),
        onData: () => {},
        onClose: (error) => {
          socket.destroy();
          resolve(error?.code ?? "closed");
        },
      });
    }),
  );
}

test("a killed process leaves its file, at which nobody listens any more; without the file the path is free", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  const machine = world.machine("n1");
  const accept = (platform: Platform) =>
    platform.unixNetwork.listen(address, (socket) => socket.handle({ onData: () => {}, onClose: () => {} }));
  const first = machine.start();
  await world.until(accept(first));
  expect(await outcomeOf(world, first)).toBe("open");

  const second = machine.start();
  expect(await outcomeOf(world, second)).toBe("ECONNREFUSED");
  await expect(world.until(accept(second))).rejects.toMatchObject({ code: "EADDRINUSE" });
  await world.until(second.disk.remove(address.path));
  await world.until(accept(second));
  expect(await outcomeOf(world, second)).toBe("open");
});

test("other machines do not see it", async () => {
  const world = new SimulatedWorld({ seed: 1 });
  await world.until(
    world
      .machine("n1")
      .start()
      .unixNetwork.listen(address, () => {}),
  );
  expect(await outcomeOf(world, world.machine("n2").start())).toBe("ENOENT");
});
