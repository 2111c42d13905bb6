import { Socket } from "node:net";
import { expect, test, vi } from "vitest";
import { NodeNetwork } from "./node-network.ts";

test("a dialled connection is probed while nobody speaks on it, before load balancers forget it", async () => {
  const probed = vi.spyOn(Socket.prototype, "setKeepAlive");
  const network = new NodeNetwork();
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (socket) =>
    socket.handle({ onData() {}, onClose() {} }),
  );

  await new Promise<void>((resolve) => {
    const socket = network.connect(listener.address, {
      onOpen: () => socket.destroy(),
      onData() {},
      onClose: () => resolve(),
    });
  });
  await listener.close();
  const calls = [...probed.mock.calls];
  probed.mockRestore();

  const [[isOn, delayMs] = []] = calls;
  expect(isOn).toBe(true);
  expect(delayMs).toBeGreaterThan(0);
  expect(delayMs).toBeLessThan(60_000);
});
