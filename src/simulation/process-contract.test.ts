/** Clocks, randomness and what a process says of itself: Node's own and the simulated ones alike. */
import { expect, test } from "vitest";
import { type Host, onEachPlatform } from "../../test/platform/contract.ts";

onEachPlatform((host) => {
  clockContract(host);
  environmentContract(host);
});

function clockContract(host: () => Host): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("a timer fires once, when its time has come and not before", async () => {
    const { clock } = host().platform;
    const startMs = clock.nowMs();
    for (const delayMs of [0, 1, 2.5, 7]) {
      const beganMs = clock.nowMs();
      await until(
        new Promise<void>((resolve, reject) => {
          let isWithin = true;
          clock.setTimer(delayMs, () => (isWithin ? reject(new Error("within the call")) : resolve()));
          isWithin = false;
        }),
      );
      expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(delayMs);
    }
    expect(clock.nowMs() - startMs).toBeGreaterThanOrEqual(10.5);
  });

  test("timers fire in the order of their times", async () => {
    const { clock } = host().platform;
    const fired: number[] = [];
    const timers = [15, 5, 10, 5].map((delayMs, index) => clock.setTimer(delayMs, () => fired.push(index)));
    expect(timers).toHaveLength(4);
    await until(new Promise<void>((resolve) => void clock.setTimer(30, resolve)));
    expect(fired).toEqual([1, 3, 2, 0]);
  });

  test("a cancelled timer never fires", async () => {
    const { clock } = host().platform;
    const fired: string[] = [];
    const first = clock.setTimer(1, () => fired.push("first"));
    clock.setTimer(2, () => {
      fired.push("second");
      third.cancel();
    });
    const third = clock.setTimer(15, () => fired.push("third"));
    first.cancel();
    first.cancel();
    await until(new Promise<void>((resolve) => void clock.setTimer(20, resolve)));
    expect(fired).toEqual(["second"]);
  });

  test("the end of a turn comes after the call, in order, and what it registers comes a turn later", async () => {
    const { clock } = host().platform;
    const order: string[] = [];
    await until(
      new Promise<void>((resolve) => {
        clock.atEndOfTurn(() => {
          order.push("one");
          clock.atEndOfTurn(() => {
            order.push("three");
            clock.atEndOfTurn(resolve);
          });
        });
        clock.atEndOfTurn(() => order.push("two"));
        order.push("call");
      }),
    );
    expect(order).toEqual(["call", "one", "two", "three"]);
  });

  test("the wall clock counts whole milliseconds", () => {
    const wallMs = host().platform.clock.wallMs();
    expect(Number.isInteger(wallMs)).toBe(true);
    expect(wallMs).toBeGreaterThan(Date.UTC(2020, 0));
  });
}

function environmentContract(host: () => Host): void {
  test("random numbers have 32 bits, random bytes the length that was asked for", () => {
    const { random } = host().platform;
    let union = 0;
    for (let count = 0; count < 3000; count++) {
      const value = random.uint32();
      expect(Number.isInteger(value) && value >= 0 && value < 2 ** 32).toBe(true);
      union |= value;
    }
    expect(union).toBe(-1);
    for (const length of [0, 1, 16, 1000, 5000]) {
      const bytes = random.bytes(length);
      expect(bytes).toHaveLength(length);
      // 16 equal bytes in a row are no accident.
      if (length > 1000) expect(new Set(bytes).size).toBeGreaterThan(100);
    }
    expect(random.bytes(16)).not.toEqual(random.bytes(16));
  });

  test("the process says what it is and what it uses", () => {
    const { process } = host().platform;
    expect(process.id).toBeGreaterThan(0);
    expect(process.runtimeVersion).toMatch(/^\d+\.\d+\.\d+/);
    expect(process.memory().residentBytes).toBeGreaterThan(process.memory().heapBytes);
    expect(process.memory().heapBytes).toBeGreaterThan(0);
    expect(process.openFilesMax).toBeGreaterThan(16);
    expect(process.cpu().userUs).toBeGreaterThanOrEqual(0);
    expect(process.cpu().systemUs).toBeGreaterThanOrEqual(0);
  });
}
