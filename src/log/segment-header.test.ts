import { expect, test } from "vitest";
import { filler, identity } from "../../test/log/fixture.ts";
import { checksumSeed } from "./format.ts";
import {
  decodeSegmentHeader,
  decodeSegmentOwner,
  encodeSegmentHeader,
  headersBytes,
  type SegmentHeader,
} from "./segment-header.ts";

const large = 2 ** 53 - 1;
const header: SegmentHeader = {
  segment: 7,
  bootCounter: large,
  allocatedBytes: 2 ** 26,
  previousEnd: { segment: 6, offset: 2 ** 33 },
  oldestSegment: 2,
  mayMissGroups: true,
  groups: Array.from({ length: 50 }, (_, place) => ({
    group: place === 49 ? large : place + 1,
    replica: large - 10,
    term: large - 1,
    vote: large - 2,
    commit: large - 3,
    firstIndex: large - 4,
    lastIndex: large - 5,
    lastTerm: large - 6,
    batchCount: large - 7,
    snapshotIndex: large - 8,
    snapshotTerm: large - 9,
    isDamaged: place % 2 === 0,
    isEnded: place % 3 === 0,
  })),
};

function encoded(one: SegmentHeader): Uint8Array {
  const bytes = filler(headersBytes(one.groups.length), 3);
  encodeSegmentHeader(bytes, one, identity);
  return bytes;
}

test.for([
  { name: "with many groups", header, copyBytes: 8_192 },
  {
    name: "of a first segment",
    header: { ...header, segment: 1, previousEnd: undefined, groups: [] },
    copyBytes: 4_096,
  },
])("a header $name comes back from either copy", ({ header: one, copyBytes }) => {
  const bytes = encoded(one);
  expect(bytes.length).toBe(2 * copyBytes);
  for (const at of [0, copyBytes]) {
    expect(decodeSegmentOwner(bytes.subarray(at))).toMatchObject({ version: 1, checksumKind: 1, copyBytes, nodeId: 3 });
    expect(decodeSegmentHeader(bytes.subarray(at, at + copyBytes), checksumSeed(identity, one.segment))).toEqual(one);
  }
});

test("no flipped bit goes unnoticed, and no seed but its own fits", () => {
  const bytes = encoded(header);
  const seed = checksumSeed(identity, 7);
  const isRead = (): boolean =>
    decodeSegmentOwner(bytes) !== undefined && decodeSegmentHeader(bytes.subarray(0, 8_192), seed) !== undefined;
  for (let bit = 0; bit < 8 * (128 + 96 * 50); bit += 7) {
    const flip = (): void => {
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    };
    flip();
    expect(isRead(), `bit ${bit}`).toBe(false);
    flip();
  }
  expect(isRead()).toBe(true);
  for (const other of [checksumSeed(identity, 8), checksumSeed({ ...identity, nodeId: 4 }, 7)]) {
    expect(decodeSegmentHeader(bytes.subarray(0, 8_192), other)).toBeUndefined();
  }
});

test("a header of zeros, and one cut short, is none", () => {
  expect(decodeSegmentOwner(new Uint8Array(4_096))).toBeUndefined();
  expect(decodeSegmentOwner(encoded(header).subarray(0, 63))).toBeUndefined();
  expect(decodeSegmentHeader(encoded(header).subarray(0, 4_096), checksumSeed(identity, 7))).toBeUndefined();
});
