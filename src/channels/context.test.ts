import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { SimulatedWorld } from "../simulation/index.ts";
import { background, Channel, Context, ContextKey, closed, go } from "./index.ts";

function virtual(): { world: SimulatedWorld; context: Context } {
  const world = new SimulatedWorld({ seed: 1 });
  return { world, context: Context.background(world.machine("m").start()) };
}

describe("a context", () => {
  test("ends its children, not its parent", () => {
    const [parent, cancelParent] = background().withCancel();
    const [child, cancelChild] = parent.withCancel();
    const [other] = parent.withCancel();
    cancelChild();
    expect([parent.isDone, child.isDone, other.isDone]).toEqual([false, true, false]);
    cancelParent("over");
    expect(other.error).toMatchObject({ code: "CANCELLED", cause: "over" });
    expect(parent.withCancel()[0].isDone).toBe(true);
  });

  test("keeps the first reason", () => {
    const [context, cancel] = background().withCancel();
    cancel("first");
    cancel("second");
    expect(context.error).toMatchObject({ cause: "first" });
  });

  test("tells its listeners in the order in which they came, each once, and none that has left", () => {
    const [context, cancel] = background().withCancel();
    const told: number[] = [];
    const leave = [1, 2, 3, 4, 5].map((id) => context.onEnd(() => told.push(id)));
    leave[0]?.();
    leave[2]?.();
    leave[2]?.();
    leave[4]?.();
    context.onEnd(() => told.push(6));
    cancel();
    cancel();
    context.onEnd(() => told.push(7));
    expect(told).toEqual([2, 4, 6, 7]);
  });

  test("ends at its deadline, or its parent's if that is earlier", async () => {
    const { world, context } = virtual();
    const startMs = context.runtime.clock.nowMs();
    const [outer] = context.withTimeout(100);
    const [inner] = outer.withTimeout(500);
    const [early] = outer.withTimeout(50);
    expect([outer, inner, early].map((each) => each.deadlineMs)).toEqual([startMs + 100, startMs + 100, startMs + 50]);
    await world.run(99);
    expect([outer.isDone, inner.isDone, early.isDone]).toEqual([false, false, true]);
    await world.run(2);
    expect(inner.error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  test("a deadline wakes what waits under a child of a child", async () => {
    const { world, context } = virtual();
    const [outer] = context.withTimeout(100);
    const waiting = new Channel<number>().receive(outer.withCancel()[0].withCancel()[0]);
    await expect(world.until(Promise.resolve(waiting))).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  test("carries values down, and the nearest hides the others", () => {
    const name = new ContextKey<string>("name");
    const other = new ContextKey<string>("name");
    const child = background().withValue(name, "a").withCancel()[0];
    expect(child.value(name)).toBe("a");
    expect(child.value(other)).toBeUndefined();
    expect(child.withValue(name, "b").value(name)).toBe("b");
    expect(background().value(name)).toBeUndefined();
  });

  test("comes from an AbortSignal and becomes one", () => {
    const controller = new AbortController();
    const context = Context.fromSignal(controller.signal);
    const { signal } = context;
    controller.abort("gone");
    expect(context.error).toMatchObject({ cause: "gone" });
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBe(context.error);
    expect(Context.fromSignal(controller.signal).isDone).toBe(true);
  });

  test("made from a signal under a parent, ends with whichever ends first, and cancels neither", async () => {
    const controller = new AbortController();
    const [parent, cancelParent] = background().withCancel();
    const [one, two, three] = [1, 2, 3].map(() => Context.fromSignal(controller.signal, parent));
    one?.cancel();
    expect([parent.isDone, controller.signal.aborted, two?.isDone]).toEqual([false, false, false]);
    const waiting = new Channel<number>().receive(two);
    controller.abort("by the signal");
    await expect(waiting).rejects.toMatchObject({ cause: "by the signal" });
    expect(three?.error).toMatchObject({ cause: "by the signal" });
    const late = Context.fromSignal(new AbortController().signal, parent);
    const lateWaiting = new Channel<number>().receive(late);
    cancelParent("by the parent");
    await expect(lateWaiting).rejects.toMatchObject({ cause: "by the parent" });
  });

  test("reaches the goroutines that a goroutine has started, also when that one has ended", async () => {
    const [context, cancel] = background().withCancel();
    const channel = new Channel<number>();
    const child = await go(async (own) => ({ task: go((inner) => channel.receive(inner), own) }), context);
    await Promise.resolve();
    expect(channel.waiting.receivers).toBe(1);
    cancel("all");
    await expect(child.task).rejects.toMatchObject({ code: "CANCELLED", cause: "all" });
  });

  test("that never ends cannot be cancelled", () => {
    expect(() => background().cancel()).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("done resolves at the end, for everybody who asked", async () => {
    const [context, cancel] = background().withCancel();
    const asked = [context.done(), context.done()];
    cancel();
    await Promise.all([...asked, context.done()]);
  });
});

/** Bytes that live in the heap after a collection. */
function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

describe("nothing is left behind", () => {
  test("by operations, goroutines, values and signals under a context that lives long", async () => {
    const [context] = background().withCancel();
    const controller = new AbortController();
    const key = new ContextKey<number>("key");
    const channel = new Channel<number>();
    const round = async (): Promise<void> => {
      const received = channel.receive(context.withValue(key, 1).withCancel()[0]);
      channel.send(1);
      await received;
      const other = channel.receive(controller.signal);
      channel.send(2);
      await other;
      const own = channel.receive(Context.fromSignal(controller.signal, context));
      channel.send(3);
      await own;
      const unrelated = channel.receive(new AbortController().signal);
      channel.send(4);
      await unrelated;
      await go((inner) => inner.isDone, context);
    };
    for (let turn = 0; turn < 2_000; turn++) await round();
    const before = heapBytes();
    for (let turn = 0; turn < 10_000; turn++) await round();
    // What was forgotten would be 50,000 objects of some fifty bytes or more.
    expect(heapBytes() - before).toBeLessThan(1_000_000);
    expect(closed).toBeDefined();
  });
});
