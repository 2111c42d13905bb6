import fc from "fast-check";
import { expect, test } from "vitest";
import { FileContent } from "./file-content.ts";
import { SeededRandom } from "./seeded-random.ts";

type Step =
  | { readonly kind: "write"; readonly position: number; readonly length: number; readonly byte: number }
  | { readonly kind: "truncate"; readonly size: number }
  | { readonly kind: "sync" };

const arbitrarySteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("write" as const),
      position: fc.integer({ min: 0, max: 20_000 }),
      length: fc.integer({ min: 0, max: 10_000 }),
      byte: fc.integer({ min: 0, max: 2 }),
    }),
    fc.record({ kind: fc.constant("truncate" as const), size: fc.integer({ min: 0, max: 20_000 }) }),
    fc.constant({ kind: "sync" as const }),
  ),
  { maxLength: 12 },
);

/** A file as one array: the oracle. Also what it was at the last sync. */
function play(content: FileContent, steps: readonly Step[]): { readonly now: Buffer; readonly synced: Buffer } {
  let now = Buffer.alloc(0);
  let synced = now;
  for (const step of steps) {
    if (step.kind === "sync") {
      content.endSync(content.beginSync());
      synced = Buffer.from(now);
    } else if (step.kind === "truncate") {
      content.truncate(step.size);
      now = Buffer.concat([now.subarray(0, step.size), Buffer.alloc(Math.max(0, step.size - now.length))]);
    } else {
      const bytes = Buffer.alloc(step.length, step.byte);
      content.write(bytes, step.position);
      const size = Math.max(now.length, step.length === 0 ? 0 : step.position + step.length);
      now = Buffer.concat([now, Buffer.alloc(size - now.length)]);
      bytes.copy(now, step.position);
    }
  }
  return { now, synced };
}

function whole(content: FileContent): Buffer {
  return Buffer.from(content.read(0, content.sizeBytes));
}

test("a file reads as one array would, and a power cut that takes everything brings back the last sync", () => {
  fc.assert(
    fc.property(arbitrarySteps, fc.boolean(), (steps, takesAll) => {
      const content = new FileContent();
      const { now, synced } = play(content, steps);
      expect(whole(content).equals(now)).toBe(true);
      content.cutPower(takesAll ? "everything" : "nothing", new SeededRandom(1));
      expect(whole(content).equals(takesAll ? synced : now)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("after a power cut each sector holds what it held at some time since the last sync, and stays so", () => {
  fc.assert(
    fc.property(arbitrarySteps, fc.integer(), (steps, seed) => {
      const content = new FileContent();
      const versions: Buffer[] = [];
      for (let count = 0; count <= steps.length; count++) {
        const { now } = play(new FileContent(), steps.slice(0, count));
        if (count === 0 || steps[count - 1]?.kind === "sync") versions.length = 0;
        versions.push(now);
      }
      play(content, steps);
      content.cutPower("random", new SeededRandom(seed));
      const kept = whole(content);
      for (let at = 0; at < kept.length; at += 512) {
        const sector = kept.subarray(at, at + 512);
        const wasThere = versions.some((version) => {
          const padded = Buffer.concat([version.subarray(at, at + 512), Buffer.alloc(512)]).subarray(0, sector.length);
          return padded.equals(sector);
        });
        expect(wasThere).toBe(true);
      }
      content.cutPower("everything", new SeededRandom(seed));
      expect(whole(content).equals(kept)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("a copy goes its own way", () => {
  const content = new FileContent();
  content.write(Buffer.from("abc"), 0);
  const copy = content.clone();
  content.write(Buffer.from("x"), 1);
  expect(whole(copy).toString()).toBe("abc");
  copy.cutPower("everything", new SeededRandom(1));
  expect([whole(copy).toString(), whole(content).toString()]).toEqual(["", "axc"]);
});

test("pages of zeros count as written, holes do not", () => {
  const content = new FileContent();
  content.write(new Uint8Array(4096), 8192);
  expect([content.pageCount, content.sizeBytes, content.newPages(0, 12_288)]).toEqual([1, 12_288, 2]);
  content.truncate(100);
  expect(content.pageCount).toBe(0);
});
