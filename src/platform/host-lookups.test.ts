import { expect, test } from "vitest";
import { type HostFound, HostLookups } from "./host-lookups.ts";

interface Bench {
  readonly lookups: HostLookups;
  /** Of those that were asked, and are not answered. */
  readonly asked: { readonly name: string; readonly answer: HostFound }[];
  readonly told: string[];
  nowMs: number;
  readonly find: (name: string) => void;
}

function bench(hostsMax = 10): Bench {
  const self: Bench = {
    lookups: new HostLookups({ nowMs: () => self.nowMs, keptMs: 10_000, hostsMax }),
    asked: [],
    told: [],
    nowMs: 0,
    find: (name) => {
      const ask = (answer: HostFound): void => void self.asked.push({ name, answer });
      self.lookups.find(name, ask, (error, address) => void self.told.push(`${name} ${error?.code ?? address}`));
    },
  };
  return self;
}

const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

test("a name is asked for once, for all who want it, and the answer holds for some time", async () => {
  const { asked, told, find } = bench();
  find("n1");
  find("n1");
  expect(asked.length).toBe(1);
  asked[0]?.answer(null, "10.0.0.1", 4);
  expect(told).toEqual(["n1 10.0.0.1", "n1 10.0.0.1"]);
  find("n1");
  expect(told.length, "never within the call").toBe(2);
  await nextTick();
  expect(told.length).toBe(3);
  expect(asked.length).toBe(1);
});

test("an answer that has held for long enough is asked for again", async () => {
  const self = bench();
  self.find("n1");
  self.asked[0]?.answer(null, "10.0.0.1", 4);
  self.nowMs = 9_999;
  self.find("n1");
  await nextTick();
  self.nowMs = 10_000;
  self.find("n1");
  expect(self.asked.length).toBe(2);
  self.asked[1]?.answer(null, "10.0.0.2", 4);
  expect(self.told).toEqual(["n1 10.0.0.1", "n1 10.0.0.1", "n1 10.0.0.2"]);
});

test("a failure holds as long, and a name that nobody answers for is asked for once", async () => {
  const self = bench();
  self.find("n1");
  self.find("n2");
  self.asked[0]?.answer(Object.assign(new Error("no such name"), { code: "ENOTFOUND" }), "", 0);
  self.find("n1");
  self.find("n2");
  await nextTick();
  expect(self.told).toEqual(["n1 ENOTFOUND", "n1 ENOTFOUND"]);
  expect(self.asked.map(({ name }) => name)).toEqual(["n1", "n2"]);
});

test("the name that was asked for longest ago makes room", async () => {
  const self = bench(2);
  for (const name of ["n1", "n2", "n3"]) self.find(name);
  for (const { name, answer } of self.asked) answer(null, name, 4);
  expect(self.told.length).toBe(3);
});
