import { expect, test } from "vitest";
import type { Clock } from "../../platform/index.ts";
import { EntryClock } from "./entry-clock.ts";

const yearMs = 365 * 24 * 3_600_000;
const startMs = 1_700_000_000_000;

class FakeClock implements Pick<Clock, "nowMs" | "wallMs"> {
  elapsedMs = 5_000;
  /** How far the wall clock is off. */
  skewMs = 0;
  nowMs(): number {
    return this.elapsedMs;
  }
  wallMs(): number {
    return startMs + this.elapsedMs + this.skewMs;
  }
  setTimer(): never {
    throw new Error("not used");
  }
  atEndOfTurn(): never {
    throw new Error("not used");
  }
}

const voters = [2, 3];

function clockWithPeers(): { readonly clock: FakeClock; readonly entryClock: EntryClock } {
  const clock = new FakeClock();
  const entryClock = new EntryClock(clock, { bandMs: 500 });
  for (const nodeId of voters) entryClock.observe(nodeId, clock.wallMs(), clock.nowMs());
  return { clock, entryClock };
}

test("entry time is the leader's own clock while that is near the median [K-1]", () => {
  const { clock, entryClock } = clockWithPeers();
  expect(entryClock.next(voters)).toBe(clock.wallMs());
  clock.elapsedMs += 100;
  clock.skewMs = 300;
  expect(entryClock.next(voters)).toBe(clock.wallMs());
});

test("one clock a year ahead for a second moves entry time by the band at most [K-1]", () => {
  const { clock, entryClock } = clockWithPeers();
  const trueMs = clock.wallMs();
  clock.skewMs = yearMs;
  expect(entryClock.next(voters)).toBe(trueMs + 500);
  expect(entryClock.skewMs(voters)).toBe(yearMs);
  clock.skewMs = 0;
  clock.elapsedMs += 1_000;
  expect(entryClock.next(voters)).toBe(trueMs + 1_000);
});

test("a peer's clock a year ahead, or back, does not count against the two others [K-1]", () => {
  for (const skewMs of [yearMs, -yearMs]) {
    const { clock, entryClock } = clockWithPeers();
    clock.elapsedMs += 4_000;
    entryClock.observe(2, clock.wallMs(), clock.nowMs());
    entryClock.observe(3, clock.wallMs() + skewMs, clock.nowMs());
    expect(entryClock.next(voters)).toBe(clock.wallMs());
  }
});

test("entry time never falls, whatever the clocks do [K-1, K-2]", () => {
  const { clock, entryClock } = clockWithPeers();
  let previousMs = entryClock.next(voters) ?? 0;
  for (const skewMs of [3_600_000, -3_600_000, yearMs, -yearMs, 0]) {
    clock.skewMs = skewMs;
    for (const nodeId of voters) entryClock.observe(nodeId, clock.wallMs(), clock.nowMs());
    const timeMs = entryClock.next(voters) ?? -1;
    expect(timeMs).toBeGreaterThanOrEqual(previousMs);
    previousMs = timeMs;
  }
  entryClock.applied(previousMs + 10);
  expect(entryClock.next(voters)).toBe(previousMs + 10);
});

test("of two clocks that disagree the earlier one counts: too late destroys nothing [K-1]", () => {
  const clock = new FakeClock();
  const entryClock = new EntryClock(clock, { bandMs: 500 });
  const trueMs = clock.wallMs();
  clock.skewMs = yearMs;
  entryClock.observe(2, trueMs, clock.nowMs());
  expect(entryClock.next(voters)).toBe(trueMs + 500);
});

test("nothing is proposed before a majority's clocks are known, nor long after they were [K-1]", () => {
  const clock = new FakeClock();
  const entryClock = new EntryClock(clock, { bandMs: 500 });
  expect(entryClock.next(voters)).toBeUndefined();
  expect(entryClock.next([])).toBe(clock.wallMs());
  entryClock.observe(2, clock.wallMs(), clock.nowMs());
  expect(entryClock.next(voters)).toBe(clock.wallMs());
  clock.elapsedMs += 60_000;
  expect(entryClock.next(voters)).toBeUndefined();
});

test("an answer that was long under way is halved, and counts only while there is no better one [K-1]", () => {
  const clock = new FakeClock();
  const entryClock = new EntryClock(clock, { bandMs: 500 });
  const sentMs = clock.nowMs();
  const peerWallMs = clock.wallMs() + 1_000 + 50;
  clock.elapsedMs += 2_000;
  // It seems to be 50 ms ahead of us, halfway through.
  entryClock.observe(2, peerWallMs, sentMs);
  clock.skewMs = -yearMs;
  expect(entryClock.next([2])).toBe(clock.wallMs());
  clock.skewMs = yearMs;
  expect(entryClock.next([2])).toBe(startMs + clock.nowMs() + 50 + 500);
  clock.skewMs = 0;
  entryClock.observe(2, clock.wallMs(), clock.nowMs());
  entryClock.observe(2, clock.wallMs() - yearMs, clock.nowMs() - 3_000);
  clock.skewMs = yearMs;
  expect((entryClock.next([2]) ?? 0) - startMs - clock.nowMs()).toBeGreaterThan(0);
});

test("clocks that run ahead one after the other, a second each, are not taken for a majority [K-1]", () => {
  const { clock, entryClock } = clockWithPeers();
  // Peer 2 was a year ahead when it was asked last; now our own clock is.
  clock.elapsedMs += 500;
  entryClock.observe(2, clock.wallMs() + yearMs, clock.nowMs());
  const trueMs = clock.wallMs();
  clock.skewMs = yearMs;
  expect(entryClock.next(voters)).toBe(trueMs + 500);
  // Who is ahead for longer is believed, and who is back is so at once.
  clock.skewMs = 0;
  for (let each = 0; each < 8; each++) {
    clock.elapsedMs += 500;
    for (const nodeId of voters) entryClock.observe(nodeId, clock.wallMs() + 60_000, clock.nowMs());
  }
  expect(entryClock.skewMs(voters)).toBe(-60_000);
  for (const nodeId of voters) entryClock.observe(nodeId, clock.wallMs(), clock.nowMs());
  expect(entryClock.skewMs(voters)).toBe(0);
});

test("after a silence a clock that is ahead is not believed at once either [K-1]", () => {
  const { clock, entryClock } = clockWithPeers();
  clock.elapsedMs += 10_000;
  for (const nodeId of voters) entryClock.observe(nodeId, clock.wallMs() + yearMs, clock.nowMs());
  expect(entryClock.skewMs(voters)).toBe(0);
  clock.elapsedMs += 2_000;
  for (const nodeId of voters) entryClock.observe(nodeId, clock.wallMs() + yearMs, clock.nowMs());
  expect(entryClock.skewMs(voters)).toBe(0);
  clock.elapsedMs += 2_000;
  for (const nodeId of voters) entryClock.observe(nodeId, clock.wallMs() + yearMs, clock.nowMs());
  expect(entryClock.skewMs(voters)).toBe(-yearMs);
});

test("what is no time is no answer [K-1]", () => {
  const clock = new FakeClock();
  const entryClock = new EntryClock(clock, { bandMs: 500 });
  for (const wrong of [Number.NaN, -1, Number.POSITIVE_INFINITY]) entryClock.observe(2, wrong, clock.nowMs());
  expect(entryClock.next(voters)).toBeUndefined();
});
