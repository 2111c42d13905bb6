import { describe, expect, test } from "vitest";
import { SimulatedWorld } from "../simulation/index.ts";
import { background, Channel, Context, closed, fanOut, mapConcurrently, merge, rateLimit } from "./index.ts";

function source(count: number): Channel<number> {
  const channel = new Channel<number>(count);
  for (let value = 0; value < count; value++) channel.send(value);
  channel.close();
  return channel;
}

async function all<T>(channel: AsyncIterable<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of channel) values.push(value);
  return values;
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

describe("a stage", () => {
  test("merge yields everything, each source in its order, and then closes", async () => {
    const [small, large] = [source(3), new Channel<number>(4)];
    for (const value of [10, 11, 12, 13]) large.send(value);
    large.close();
    const { output, finished } = merge([small, large]);
    const merged = await all(output);
    expect(merged.filter((value) => value < 10)).toEqual([0, 1, 2]);
    expect(merged.filter((value) => value >= 10)).toEqual([10, 11, 12, 13]);
    await finished;
  });

  test("merge of nothing is closed at once", async () => {
    expect(await all(merge([]).output)).toEqual([]);
  });

  test("mapConcurrently transforms every value once", async () => {
    const { output, finished } = mapConcurrently(source(20), { workerCount: 4 }, (value) => value * 2);
    expect((await all(output)).sort((a, b) => a - b)).toEqual(upTo(20).map((value) => 2 * value));
    await finished;
  });

  test("mapConcurrently has as many at work as there are workers", async () => {
    let running = 0;
    let most = 0;
    const { output } = mapConcurrently(source(20), { workerCount: 3 }, async (value) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < 10; turn++) await undefined;
      running--;
      return value;
    });
    await all(output);
    expect(most).toBe(3);
  });

  test("a failure reaches whoever reads: half of the values are not taken for all", async () => {
    const { output, finished } = mapConcurrently(source(20), { workerCount: 4 }, (value) => {
      if (value === 7) throw new RangeError("seven");
      return value;
    });
    await expect(all(output)).rejects.toThrow("seven");
    await expect(finished).rejects.toThrow("seven");
  });

  test("a source that failed fails what is built on it", async () => {
    const broken = new Channel<number>(1);
    broken.send(1);
    broken.fail(new RangeError("broken"));
    const { output } = mapConcurrently(merge([broken]).output, { workerCount: 1 }, (value) => value);
    expect(await output.receive()).toBe(1);
    await expect((async () => await output.receive())()).rejects.toThrow("broken");
  });

  test("a cancelled stage takes no further value, and says so to whoever reads", async () => {
    const endless = new Channel<number>();
    const [context, cancel] = background().withCancel();
    const { output, finished } = merge([endless], context);
    const received = output.receive();
    endless.send(1);
    expect(await received).toBe(1);
    cancel("enough");
    await expect(finished).rejects.toMatchObject({ code: "CANCELLED", cause: "enough" });
    expect(() => output.receive()).toThrow(expect.objectContaining({ code: "CANCELLED" }));
    expect(endless.waiting).toEqual({ senders: 0, receivers: 0 });
  });

  test("fanOut deals values out, each to one", async () => {
    const { outputs, finished } = fanOut(source(30), 3);
    const dealt = await Promise.all(outputs.map((output) => all(output)));
    expect(dealt.flat().sort((a, b) => a - b)).toEqual(upTo(30));
    await finished;
  });

  test("an output of fanOut that nobody reads holds back one value at most", async () => {
    const { outputs } = fanOut(source(30), 2);
    const [read] = outputs;
    const seen: unknown[] = [];
    for (let turn = 0; turn < 29; turn++) seen.push(await read?.receive());
    expect(new Set(seen).size).toBe(29);
  });

  test.for([0, -1, 1.5, Number.NaN])("%d workers or outputs are refused", (count) => {
    const error = expect.objectContaining({ code: "INVALID_ARGUMENT" });
    expect(() => mapConcurrently(source(1), { workerCount: count }, (value) => value)).toThrow(error);
    expect(() => fanOut(source(1), count)).toThrow(error);
    expect(() => rateLimit(source(1), { periodMs: 1, burst: count })).toThrow(error);
  });
});

describe("a rate limit", () => {
  function virtual(): { world: SimulatedWorld; context: Context } {
    const world = new SimulatedWorld({ seed: 1 });
    return { world, context: Context.background(world.machine("m").start()) };
  }

  test("lets a burst through, then one value a period", async () => {
    const { world, context } = virtual();
    const times: number[] = [];
    const startMs = context.runtime.clock.nowMs();
    const limited = rateLimit(source(5), { periodMs: 100, burst: 2 }, context);
    await world.until(
      (async () => {
        for await (const _ of limited) times.push(Math.round(context.runtime.clock.nowMs() - startMs));
      })(),
    );
    expect(times).toEqual([0, 0, 100, 200, 300]);
  });

  test("saves up no more than its burst", async () => {
    const { world, context } = virtual();
    const values = new Channel<number>(10);
    const limited = rateLimit(values, { periodMs: 100, burst: 2 }, context);
    await world.run(10_000);
    for (let value = 0; value < 4; value++) values.send(value);
    values.close();
    const startMs = context.runtime.clock.nowMs();
    const times: number[] = [];
    await world.until(
      (async () => {
        for await (const _ of limited) times.push(Math.round(context.runtime.clock.nowMs() - startMs));
      })(),
    );
    expect(times).toEqual([0, 0, 100, 200]);
  });

  test("that is cancelled tells whoever reads", async () => {
    const { world, context } = virtual();
    const [own, cancel] = context.withCancel();
    const limited = rateLimit(source(5), { periodMs: 100 }, own);
    const first = await world.until(Promise.resolve(limited.receive()));
    expect(first).toBe(0);
    cancel();
    await expect(world.until((async () => await limited.receive())())).rejects.toMatchObject({ code: "CANCELLED" });
    expect(limited.isClosed).toBe(true);
    expect(first).not.toBe(closed);
  });
});
