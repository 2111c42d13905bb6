import fc from "fast-check";
import { expect, test } from "vitest";
import { HeldRecords } from "./held-records.ts";
import type { KeyRecord } from "./key-record.ts";

function recordOf(key: string): KeyRecord {
  return { key, value: "v", deadline: undefined, revision: 1 };
}

test("records leave in the order of their positions, those of one position by key, however they came", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ position: fc.nat(50), key: fc.string({ maxLength: 2 }) }) },
    { weight: 1, arbitrary: fc.constant("remove" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const held = new HeldRecords();
      const model: { position: number; key: string }[] = [];
      for (const each of steps) {
        if (each !== "remove") {
          if (model.some(({ position, key }) => position === each.position && key === each.key)) continue;
          held.add(each.position, recordOf(each.key));
          model.push(each);
          model.sort((a, b) => a.position - b.position || (a.key < b.key ? -1 : 1));
        } else if (model.length > 0) {
          held.removeFirst();
          model.shift();
        }
        expect(held.count).toBe(model.length);
        expect(held.firstPosition).toBe(model[0]?.position ?? Number.POSITIVE_INFINITY);
        if (model.length > 0) expect(held.first.key).toBe(model[0]?.key);
      }
      held.clear();
      expect(held.count).toBe(0);
      expect(held.firstPosition).toBe(Number.POSITIVE_INFINITY);
    }),
  );
});
