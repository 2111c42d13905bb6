import fc from "fast-check";
import { expect, test } from "vitest";
import { shrink } from "./shrinking.ts";

const everything = Number.POSITIVE_INFINITY;

test.for([
  { name: "two far apart", needed: [3, 17], of: 20 },
  { name: "one", needed: [8], of: 9 },
  { name: "all", needed: [0, 1, 2], of: 3 },
  { name: "none", needed: [], of: 7 },
])("what a failure needs is left over, in order: $name", async ({ needed, of }) => {
  const items = Array.from({ length: of }, (_, index) => index);
  const fails = (candidate: readonly number[]): Promise<boolean> =>
    Promise.resolve(needed.every((each) => candidate.includes(each)));
  expect(await shrink(items, fails, everything)).toEqual(needed);
});

test("nothing can be left out of what is left over, whatever the failure needs", async () => {
  const sets = fc.array(fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(sets, async (alternatives) => {
      const fails = (candidate: readonly number[]): boolean =>
        alternatives.some((needed) => needed.every((each) => candidate.includes(each)));
      const items = Array.from({ length: 12 }, (_, index) => index);
      const left = await shrink(items, (candidate) => Promise.resolve(fails(candidate)), everything);
      expect(fails(left)).toBe(true);
      for (const each of left) expect(fails(left.filter((other) => other !== each))).toBe(false);
    }),
  );
});

test("after so many attempts it stays at what it has", async () => {
  let attempts = 0;
  const fails = (): Promise<boolean> => Promise.resolve(attempts++ < 0);
  expect(await shrink([1, 2, 3, 4], fails, 2)).toEqual([1, 2, 3, 4]);
  expect(attempts).toBe(2);
});
