import { describe, expect, test } from "vitest";
import { SimulatedWorld } from "../simulation/index.ts";
import {
  after as afterDuration,
  background,
  Channel,
  Context,
  closed,
  go,
  Mutex,
  Once,
  parallel,
  RWMutex,
  Semaphore,
  sleep,
  TaskGroup,
  Ticker,
  WaitGroup,
} from "./index.ts";

function virtual(): { world: SimulatedWorld; context: Context } {
  const world = new SimulatedWorld({ seed: 1 });
  return { world, context: Context.background(world.machine("m").start()) };
}

describe("time", () => {
  test("after and sleep pass on the context's clock", async () => {
    const { world, context } = virtual();
    const startMs = context.runtime.clock.nowMs();
    const one = afterDuration(50, context);
    await world.until(sleep(49, context));
    expect(one.length).toBe(0);
    await world.until(sleep(1, context));
    expect(one.tryReceive()).toBe(startMs + 50);
    expect(one.tryReceive()).toBe(closed);
  });

  test("a ticker drops the ticks that nobody takes, and does not drift", async () => {
    const { world, context } = virtual();
    const startMs = context.runtime.clock.nowMs();
    const ticker = new Ticker(10, context);
    await world.run(35);
    expect(ticker.ticks.tryReceive()).toBe(startMs + 10);
    await world.run(10);
    expect(ticker.ticks.tryReceive()).toBe(startMs + 40);
    ticker.stop();
    ticker.stop();
    expect(ticker.ticks.tryReceive()).toBe(closed);
  });

  test("sleep throws when its context ends first, and leaves no timer", async () => {
    const { world, context } = virtual();
    const [own, cancel] = context.withCancel();
    const sleeping = sleep(1_000, own);
    sleeping.catch(() => {});
    const one = afterDuration(1_000, own);
    await world.run(10);
    cancel("enough");
    await expect(sleeping).rejects.toMatchObject({ code: "CANCELLED", cause: "enough" });
    await expect(sleep(1, own)).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await one.receive()).toBe(closed);
  });

  test.for([-1, Number.NaN])("a duration of %d is refused", (durationMs) => {
    const error = expect.objectContaining({ code: "INVALID_ARGUMENT" });
    expect(() => sleep(durationMs)).toThrow(error);
    expect(() => afterDuration(durationMs)).toThrow(error);
    expect(() => background().withTimeout(durationMs)).toThrow(error);
    expect(() => new Ticker(durationMs)).toThrow(error);
  });
});

describe("locks", () => {
  test("a mutex is held by one at a time, in the order of asking", async () => {
    const mutex = new Mutex();
    const order: number[] = [];
    await mutex.lock();
    const others = [1, 2, 3].map((id) => mutex.withLock(() => void order.push(id)));
    expect(mutex.tryLock()).toBe(false);
    mutex.unlock();
    await Promise.all(others);
    expect(order).toEqual([1, 2, 3]);
    expect(() => mutex.unlock()).toThrow(expect.objectContaining({ code: "UNBALANCED" }));
  });

  test("a writer that waits holds back the readers behind it", async () => {
    const lock = new RWMutex();
    const order: string[] = [];
    await lock.readLock();
    expect(lock.tryReadLock()).toBe(true);
    const writer = lock.lock()?.then(() => order.push("writer"));
    const reader = lock.readLock()?.then(() => order.push("reader"));
    lock.readUnlock();
    lock.readUnlock();
    await writer;
    lock.unlock();
    await reader;
    expect(order).toEqual(["writer", "reader"]);
  });

  test("a cancelled request for a lock lets those behind it pass", async () => {
    const semaphore = new Semaphore(2);
    await semaphore.acquire(1);
    const [context, cancel] = background().withCancel();
    const large = semaphore.acquire(2, context);
    const small = semaphore.acquire(1);
    cancel();
    await expect(large).rejects.toMatchObject({ code: "CANCELLED" });
    await small;
    expect(semaphore.held).toBe(2);
  });

  test("a wait group waits for all, and counts below zero never", async () => {
    const group = new WaitGroup();
    group.add(2);
    const waiting = group.wait();
    group.done();
    group.done();
    await waiting;
    expect(group.wait()).toBeUndefined();
    expect(() => group.done()).toThrow(expect.objectContaining({ code: "UNBALANCED" }));
  });

  test("once runs once, and throws the same error to everybody", () => {
    let runs = 0;
    const once = new Once(() => {
      runs++;
      throw new Error("broken");
    });
    expect(() => once.do()).toThrow("broken");
    expect(() => once.do()).toThrow("broken");
    expect(runs).toBe(1);
  });
});

describe("a task group", () => {
  test("waits for all its goroutines", async () => {
    const group = new TaskGroup();
    const done: number[] = [];
    for (const id of [1, 2, 3]) group.go(() => void done.push(id));
    await group.wait();
    expect(done).toEqual([1, 2, 3]);
  });

  test("one that fails cancels the others, and its error is the group's", async () => {
    const group = new TaskGroup();
    const never = new Channel<number>();
    group.go(async (context) => void (await never.receive(context)));
    group.go(() => {
      throw new RangeError("first");
    });
    await expect(group.wait()).rejects.toThrow("first");
    expect(never.waiting.receivers).toBe(0);
    expect(() => group.go(() => {})).toThrow(expect.objectContaining({ code: "CANCELLED" }));
  });

  test("one that waits for a place belongs to the group, whether that is awaited or not", async () => {
    const group = new TaskGroup(background(), { concurrencyMax: 1 });
    const done: number[] = [];
    for (const id of [1, 2, 3]) {
      group.go(async () => {
        for (let turn = 0; turn < 5; turn++) await undefined;
        done.push(id);
      });
    }
    await group.wait();
    expect(done).toEqual([1, 2, 3]);
  });

  test("those that still wait for a place when one fails are not started", async () => {
    const group = new TaskGroup(background(), { concurrencyMax: 1 });
    const done: number[] = [];
    group.go(() => {
      throw new RangeError("first");
    });
    const second = group.go(() => void done.push(2));
    await expect(group.wait()).rejects.toThrow("first");
    await expect(second).rejects.toMatchObject({ code: "CANCELLED" });
    expect(done).toEqual([]);
  });

  test("leaving its scope cancels what runs, waits for it, and throws a failure that nobody has been told", async () => {
    const events: string[] = [];
    const quiet = new TaskGroup();
    quiet.go(async (context) => {
      await context.done();
      events.push("ended");
    });
    quiet.go(async (context) => void (await new Channel<number>().receive(context)));
    await Promise.resolve();
    await quiet[Symbol.asyncDispose]();
    expect(events).toEqual(["ended"]);

    const failing = new TaskGroup();
    failing.go(() => {
      throw new RangeError("unseen");
    });
    await Promise.resolve();
    await expect(failing[Symbol.asyncDispose]()).rejects.toThrow("unseen");
    await expect(failing.wait()).rejects.toThrow("unseen");
    await failing[Symbol.asyncDispose]();
  });

  test("never runs more than its limit at a time", async () => {
    const group = new TaskGroup(background(), { concurrencyMax: 2 });
    let running = 0;
    let most = 0;
    for (let id = 0; id < 10; id++) {
      await group.go(async () => {
        most = Math.max(most, ++running);
        for (let turn = 0; turn < 10; turn++) await undefined;
        running--;
      });
    }
    await group.wait();
    expect(most).toBe(2);
  });
});

describe("what makes no sense is refused, by its name", () => {
  const refused = (name: string): unknown =>
    expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(name) });

  test.for([
    { what: "a goroutine that was called already", run: () => go(Promise.resolve() as never) },
    { what: "a cancellation", run: () => new Channel<number>().receive(5 as never) },
    { what: "concurrencyMax", run: () => new TaskGroup(background(), { concurrencyMax: 0 }) },
    { what: "threadCount", run: () => parallel("file:///work.js", { threadCount: 1.5 }) },
  ])("$what", ({ what, run }) => {
    expect(run).toThrow(refused(what.startsWith("a goroutine") ? "go(() => work())" : what));
  });
});
