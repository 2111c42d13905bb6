import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  background,
  Channel,
  describeDeadlock,
  go,
  Mutex,
  receiving,
  reportDeadlocks,
  Semaphore,
  select,
  sending,
  timeout,
  WaitGroup,
} from "./index.ts";

beforeEach(() => reportDeadlocks());
afterEach(() => reportDeadlocks(false));

/** The titles of the paragraphs. */
function titles(): string[] {
  return [...(describeDeadlock() ?? "").matchAll(/^goroutine .*\]:$/gm)].map(([title]) => title);
}

describe("who waits where", () => {
  test("is nothing to report when nobody waits", () => {
    expect(describeDeadlock()).toBeUndefined();
  });

  test("names the goroutines, what they wait for, and where they wait and were started", async () => {
    const channel = new Channel<number>();
    async function worker(): Promise<void> {
      await channel.send(1);
      await channel.send(2);
    }
    const task = go(worker);
    expect(await channel.receive()).toBe(1);
    const waiting = new Channel<string>().receive();
    await Promise.resolve();
    expect(titles()).toEqual([
      "goroutine 1 (main) [channel receive]:",
      expect.stringMatching(/^goroutine \d+ "worker" \[channel send\]:$/),
    ]);
    const report = describeDeadlock() ?? "";
    expect(report).toMatch(/^all goroutines are asleep - deadlock!\n/);
    expect(report).toMatch(/"worker" \[channel send\]:\n {4}at .*worker .*deadlock\.test\.ts/);
    expect(report).toContain("started by goroutine 1 (main):\n");
    expect(report).not.toMatch(/channels\/(channel|waiting-operation|task)\.ts/);
    expect(waiting).toBeInstanceOf(Promise);
    expect(await channel.receive()).toBe(2);
    await task;
    expect(titles()).toEqual(["goroutine 1 (main) [channel receive]:"]);
  });

  test("lists every kind of waiting, and forgets what has gone on", async () => {
    const [mutex, semaphore, group] = [new Mutex(), new Semaphore(1), new WaitGroup()];
    await mutex.lock();
    await semaphore.acquire();
    group.add();
    const channel = new Channel<number>();
    const [context, cancel] = background().withCancel();
    const all = [
      select([receiving(channel, () => 1), sending(channel, 1, () => 2)], context),
      select([], context),
      mutex.lock(context),
      group.wait(context),
      // Ends by itself.
      select([receiving(new Channel<number>(), () => 1), timeout(1, () => 2)], context),
    ];
    expect(titles().map((title) => /\[(.*)\]/.exec(title)?.[1])).toEqual([
      "select",
      "select (no cases)",
      "semaphore",
      "wait group",
    ]);
    cancel();
    await Promise.allSettled(all);
    expect(describeDeadlock()).toBeUndefined();
  });

  test("shows who waits for whom", async () => {
    const never = new Channel<number>();
    const inner = go(async function inner() {
      await never.receive();
    });
    const outer = go(async function outer() {
      await inner;
    });
    void outer.then(() => {});
    for (let turn = 0; turn < 5; turn++) await undefined;
    expect(titles()).toEqual([
      expect.stringMatching(/^goroutine 1 \(main\) \[waiting for goroutine \d+ "outer"\]:$/),
      expect.stringMatching(/^goroutine \d+ "inner" \[channel receive\]:$/),
      expect.stringMatching(/^goroutine \d+ "outer" \[waiting for goroutine \d+ "inner"\]:$/),
    ]);
    never.close();
    await outer;
  });

  test("keeps no more notes than it can use", async () => {
    const channel = new Channel<number>();
    for (let round = 0; round < 5_000; round++) {
      const received = channel.receive();
      channel.send(round);
      await received;
    }
    expect(describeDeadlock()).toBeUndefined();
  });
});
