import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { background, Channel, go } from "./index.ts";

/** The rejections that nobody has handled by the end of a turn. */
const unhandled: unknown[] = [];
const note = (error: unknown): void => void unhandled.push(error);
let others: NodeJS.UnhandledRejectionListener[] = [];

beforeEach(() => {
  others = process.listeners("unhandledRejection") as NodeJS.UnhandledRejectionListener[];
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", note);
  unhandled.length = 0;
});

afterEach(() => {
  process.removeAllListeners("unhandledRejection");
  for (const listener of others) process.on("unhandledRejection", listener);
});

function endOfTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("a task", () => {
  test("starts after its starter lets go, and yields what it returns", async () => {
    const events: string[] = [];
    const task = go(() => {
      events.push("task");
      return 5;
    });
    events.push("starter");
    expect(task.state).toBe("running");
    expect(await task).toBe(5);
    expect(events).toEqual(["starter", "task"]);
    expect(task.state).toBe("done");
    expect(await task).toBe(5);
  });

  test("may be awaited before it starts, while it runs and after its end", async () => {
    const gate = new Channel<number>();
    const task = go(async () => await gate.receive());
    const before = task.then((value) => value);
    await Promise.resolve();
    const during = task.then((value) => value);
    gate.send(7);
    expect(await Promise.all([before, during])).toEqual([7, 7]);
    expect(await task.then((value) => value)).toBe(7);
    expect(await task.settled()).toEqual({ status: "fulfilled", value: 7 });
  });

  test("has its failure caught as a promise's, and nobody else hears of it", async () => {
    const failed = go(() => {
      throw new RangeError("too far");
    });
    expect(await failed.catch((error: unknown) => error)).toEqual(new RangeError("too far"));
    expect(await go(() => 5).catch(() => 6)).toBe(5);
    await endOfTurn();
    expect(unhandled).toEqual([]);
  });

  test("runs with the async context of whoever started it", async () => {
    const storage = new AsyncLocalStorage<string>();
    const tasks = ["a", "b"].map((name) => storage.run(name, () => go(() => storage.getStore())));
    expect(await Promise.all(tasks)).toEqual(["a", "b"]);
  });

  test("runs under a context or an AbortSignal", async () => {
    const controller = new AbortController();
    const channel = new Channel<number>();
    const task = go((context) => channel.receive(context), controller.signal);
    await Promise.resolve();
    controller.abort("stop");
    await expect(task).rejects.toMatchObject({ code: "CANCELLED", cause: "stop" });
  });
});

describe("a failure", () => {
  const fail = (_?: unknown): never => {
    throw new RangeError("no");
  };

  test("is thrown to whoever awaits the task", async () => {
    const task = go(fail);
    await expect(task).rejects.toThrow(RangeError);
    expect(task.state).toBe("failed");
    const late = go(async () => fail());
    await late.settled();
    await expect(late).rejects.toThrow(RangeError);
    await endOfTurn();
    expect(unhandled).toEqual([]);
  });

  test.for([
    { name: "at once", run: fail },
    { name: "after waiting", run: async () => fail(await undefined) },
  ])("that nobody awaits is reported: $name", async ({ run }) => {
    go(run);
    await endOfTurn();
    expect(unhandled).toEqual([expect.any(RangeError)]);
  });

  test("that somebody asks for by settled is not reported", async () => {
    const outcome = await go(fail).settled();
    expect(outcome).toEqual({ status: "rejected", reason: expect.any(RangeError) });
    await endOfTurn();
    expect(unhandled).toEqual([]);
  });

  test("of a cancelled task is none, awaited or not", async () => {
    const channel = new Channel<number>();
    const [task, ignored] = [1, 2].map(() => go((context) => channel.receive(context)));
    await Promise.resolve();
    task?.cancel("enough");
    ignored?.cancel("enough");
    await task?.settled();
    expect([task?.state, ignored?.state]).toEqual(["cancelled", "cancelled"]);
    await endOfTurn();
    expect(unhandled).toEqual([]);
    await expect(task).rejects.toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(channel.waiting.receivers).toBe(0);
  });

  test("of a cancelled task that fails in its own way is one", async () => {
    const task = go(async (context) => {
      await context.done();
      throw new RangeError("while cleaning up");
    });
    await Promise.resolve();
    task.cancel();
    await endOfTurn();
    expect(task.state).toBe("failed");
    expect(unhandled).toEqual([expect.any(RangeError)]);
  });

  test("of the parent's context is a cancellation, too", async () => {
    const [context, cancel] = background().withCancel();
    const task = go((own) => new Channel<number>().receive(own), context);
    await Promise.resolve();
    cancel();
    await task.settled();
    expect(task.state).toBe("cancelled");
  });
});
