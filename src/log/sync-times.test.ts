import fc from "fast-check";
import { expect, test } from "vitest";
import { SyncTimes } from "./sync-times.ts";

const windowMs = 500;

/** Looks at the end of each window, in which writes of these durations follow each other. */
function after(windows: readonly (readonly number[])[]): number | undefined {
  const times = new SyncTimes();
  windows.forEach((durations, at) => {
    let nowMs = at * windowMs;
    for (const durationMs of durations) {
      times.begin(nowMs);
      nowMs += durationMs;
      times.end(nowMs);
    }
    times.look((at + 1) * windowMs);
  });
  return times.ms;
}

const quick = Array.from({ length: 100 }, () => 1);

test.for([
  { name: "nothing was written", windows: [[], [], [], [], []], ms: undefined },
  { name: "too little was written to say", windows: [[1], [], [300], [], [1]], ms: undefined },
  { name: "windows without a write say nothing", windows: [[2], [], [2], [], [2], [], [2]], ms: 2 },
  { name: "one hiccup says nothing", windows: [[1], [1], [400], [1]], ms: 1 },
  { name: "many quick writes do not hide a slow one", windows: Array(4).fill([...quick, 300]), ms: 225.25 },
  { name: "a disk that gets slow", windows: [...Array(8).fill([1]), ...Array(5).fill([80])], ms: 80 },
  { name: "a disk that is well again", windows: [...Array(8).fill([80]), ...Array(4).fill([1])], ms: 1 },
])("$name", ({ windows, ms }) => {
  expect(after(windows)).toBe(ms);
});

test("a disk that is stuck shows while it is stuck, and by the age of what waits", () => {
  const times = new SyncTimes();
  times.begin(100);
  const seen = [500, 1_000, 1_500, 2_000, 2_500].map((nowMs) => {
    times.look(nowMs);
    return times.ms;
  });
  expect(seen).toEqual([undefined, undefined, undefined, 900, 1_400]);
});

test("a process that stood still has one window with it", () => {
  const times = new SyncTimes();
  let nowMs = 0;
  const write = (durationMs: number): void => {
    times.begin(nowMs);
    nowMs += durationMs;
    times.end(nowMs);
    nowMs += windowMs;
    times.look(nowMs);
  };
  for (const durationMs of [1, 1, 1, 1, 60_000, 1, 1]) write(durationMs);
  expect(times.ms).toBe(1);
});

test("what is older than a minute is forgotten", () => {
  const times = new SyncTimes();
  for (let nowMs = 0; nowMs < 4 * windowMs; nowMs += windowMs) {
    times.begin(nowMs);
    times.end(nowMs + 90);
    times.look(nowMs + windowMs);
  }
  times.look(2_000 + 60_000);
  expect(times.ms).toBe(90);
  times.look(2_000 + 60_001);
  expect(times.ms).toBeUndefined();
});

test("the figure lies between the shortest and the longest write, whatever the windows", () => {
  const duration = fc.integer({ min: 0, max: 100 });
  fc.assert(
    fc.property(fc.array(fc.array(duration, { maxLength: 4 }), { maxLength: 20 }), (windows) => {
      const ms = after(windows);
      const last = windows.filter((window) => window.length > 0).slice(-8);
      expect(ms === undefined).toBe(last.length < 4);
      if (ms === undefined) return;
      expect(ms).toBeGreaterThanOrEqual(Math.min(...last.flat()));
      expect(ms).toBeLessThanOrEqual(Math.max(...last.flat()));
    }),
  );
});
