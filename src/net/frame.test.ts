import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { FrameWriter, frameHeaderBytes, headerCheck } from "./frame.ts";
import { type FrameFault, FrameReader } from "./frame-reader.ts";

type Sent = { readonly type: number; readonly payload: Uint8Array };

const message: fc.Arbitrary<Sent> = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 300 }),
});
/** The messages of some turns. */
const turns: fc.Arbitrary<Sent[][]> = fc.array(fc.array(message, { minLength: 1, maxLength: 5 }), { maxLength: 6 });
const seed = 0x1234_5678;

function framesOf(sent: readonly (readonly Sent[])[], writer: FrameWriter = new FrameWriter(seed)): Buffer[] {
  return sent.flatMap((turn) => {
    for (const { type, payload } of turn) {
      writer.begin(type, payload.length).raw(payload);
      writer.end();
    }
    return [...writer.take()];
  });
}

function reading(frameBytesMax = 1 << 20): { readonly reader: FrameReader; readonly received: Sent[] } {
  const received: Sent[] = [];
  const onMessage = (type: number, payload: ByteReader): boolean => {
    received.push({ type, payload: Uint8Array.from(payload.raw(payload.remainingBytes)) });
    return true;
  };
  return { reader: new FrameReader({ seed, frameBytesMax, onMessage }), received };
}

/** Feeds `bytes` in pieces of the given sizes, from memory that is overwritten afterwards. */
function feedInPieces(reader: FrameReader, bytes: Buffer, sizes: readonly number[]): FrameFault | undefined {
  let at = 0;
  for (let piece = 0; at < bytes.length; piece++) {
    const end = Math.min(bytes.length, at + (sizes[piece % sizes.length] ?? 1));
    const chunk = Buffer.from(bytes.subarray(at, end));
    const fault = reader.feed(chunk);
    chunk.fill(0xee);
    if (fault !== undefined) return fault;
    at = end;
  }
  return undefined;
}

const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });

test("every cut of a stream of frames gives the same messages", () => {
  fc.assert(
    fc.property(turns, sizes, (sent, pieces) => {
      const { reader, received } = reading();
      expect(feedInPieces(reader, Buffer.concat(framesOf(sent)), pieces)).toBeUndefined();
      expect(received).toEqual(sent.flat().map(({ type, payload }) => ({ type, payload: Uint8Array.from(payload) })));
    }),
  );
});

test("one flipped bit anywhere breaks the stream off, and no message of that frame is shown", () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 4 }), fc.nat(), sizes, (sent, where, pieces) => {
      const bytes = Buffer.concat(framesOf([sent]));
      const bit = where % (bytes.length * 8);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      const { reader, received } = reading();
      const fault = feedInPieces(reader, bytes, pieces);
      expect(received).toEqual([]);
      expect(fault).toBeDefined();
    }),
  );
});

test("a damaged length is noticed with the header, before what follows is taken for the frame", () => {
  for (let bit = 0; bit < 32; bit++) {
    const header = Buffer.concat(framesOf([[{ type: 1, payload: new Uint8Array(9) }]])).subarray(0, frameHeaderBytes);
    header[4 + (bit >> 3)] = (header[4 + (bit >> 3)] as number) ^ (1 << (bit & 7));
    expect(feedInPieces(reading(2 ** 33).reader, header, [7])).toBe("checksum");
  }
});

test("garbage is refused or waits within the bound, and is never taken for a message", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 2_000 }), sizes, (garbage, pieces) => {
      const { reader, received } = reading(4_096);
      feedInPieces(reader, Buffer.from(garbage), pieces);
      expect(received).toEqual([]);
      expect(reader.keptBytes).toBeLessThanOrEqual(4_096);
    }),
  );
});

test("a replayed, reordered or foreign frame is refused", () => {
  const first = framesOf([[{ type: 1, payload: new Uint8Array([1]) }], [{ type: 2, payload: new Uint8Array([2]) }]]);
  const [one, two] = first as [Buffer, Buffer];
  expect(feedInPieces(reading().reader, Buffer.concat([one, one]), [1_000])).toBe("sequence");
  expect(feedInPieces(reading().reader, two, [1_000])).toBe("sequence");
  const foreign = framesOf([[{ type: 1, payload: new Uint8Array([1]) }]], new FrameWriter(seed + 1));
  expect(feedInPieces(reading().reader, Buffer.concat(foreign), [1_000])).toBe("checksum");
});

test("memory grows with what arrives, not with what a header claims", () => {
  const { reader } = reading(1 << 30);
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32LE(1 << 29, 4);
  header.writeUInt32LE(headerCheck(1 << 29, 0, seed), 12);
  expect(reader.feed(header)).toBeUndefined();
  expect(reader.feed(Buffer.alloc(10_000))).toBeUndefined();
  expect(reader.keptBytes).toBeLessThan(30_000);
});

test("a frame above the bound is refused by its header", () => {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32LE(5_000, 4);
  header.writeUInt32LE(headerCheck(5_000, 0, seed), 12);
  expect(reading(4_096).reader.feed(header)).toBe("oversized");
});

test("a message that cannot be understood breaks the stream off", () => {
  const reader = new FrameReader({ seed, frameBytesMax: 4_096, onMessage: () => false });
  expect(feedInPieces(reader, Buffer.concat(framesOf([[{ type: 9, payload: new Uint8Array(3) }]])), [7])).toBe(
    "malformed",
  );
});

test("a frame that was taken is not touched by what is written later", () => {
  const writer = new FrameWriter(seed);
  const frames = framesOf([[{ type: 1, payload: new Uint8Array(100).fill(7) }]], writer);
  const before = Buffer.concat(frames);
  for (let turn = 0; turn < 50; turn++) framesOf([[{ type: 2, payload: new Uint8Array(5_000).fill(9) }]], writer);
  expect(Buffer.concat(frames).equals(before)).toBe(true);
});

test("what collects beyond the target goes into further frames", () => {
  const payload = new Uint8Array(200_000).fill(3);
  const sent = [1, 2, 3, 4].map((type) => ({ type, payload }));
  const frames = framesOf([sent]);
  expect(frames.length).toBe(4);
  const { reader, received } = reading();
  expect(feedInPieces(reader, Buffer.concat(frames), [65_536])).toBeUndefined();
  expect(received.map(({ type }) => type)).toEqual([1, 2, 3, 4]);
  expect(received.every((message) => Buffer.compare(message.payload, payload) === 0)).toBe(true);
});

test("fields come back as they were written", () => {
  const field = fc.tuple(fc.maxSafeNat(), fc.string(), fc.uint8Array(), fc.double({ noNaN: true }), fc.nat(0xffff));
  fc.assert(
    fc.property(field, ([integer, text, bytes, double, small]) => {
      const out = new ByteWriter();
      out.u8(small & 0xff);
      out.u16(small);
      out.integer(integer);
      out.text(text);
      out.bytes(bytes);
      out.double(double);
      out.byteString("\u00ff\u0000");
      const written = out.finish();
      const input = new ByteReader();
      input.open(written, 0, written.length);
      expect([input.u8(), input.u16(), input.integer(), input.text()]).toEqual([small & 0xff, small, integer, text]);
      expect([Uint8Array.from(input.bytes()), input.double(), input.byteString()]).toEqual([
        bytes,
        double,
        "\u00ff\u0000",
      ]);
      expect(input.isWhole()).toBe(true);
      // Cut short anywhere, it is found to be so.
      input.open(written, 0, written.length - 1);
      input.u8();
      input.u16();
      input.integer();
      input.text();
      input.bytes();
      input.double();
      input.byteString();
      expect(input.isBad).toBe(true);
    }),
  );
});

test("an integer beyond the safe ones is bad", () => {
  const input = new ByteReader();
  input.open(Buffer.alloc(8, 0xff), 0, 8);
  expect(input.integer()).toBe(0);
  expect(input.isBad).toBe(true);
});
