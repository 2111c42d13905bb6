import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame, type Frame, FrameReader } from "./http2-frames.ts";

const frames = fc.array(
  fc.record({
    type: fc.nat({ max: 9 }),
    flags: fc.nat({ max: 255 }),
    streamId: fc.nat({ max: 0x7fffffff }),
    payload: fc.uint8Array({ maxLength: 200 }),
  }),
);

test("frames split anywhere are read as they were written, their payloads up to 64 bytes", () => {
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 50 }), (sent, step) => {
      const bytes = Buffer.concat(sent.map(({ payload, ...frame }) => encodeFrame(frame, payload)));
      const received: { frame: Frame; payload: number[]; payloadBytes: number }[] = [];
      const reader = new FrameReader({
        onFrame: (frame, payload, payloadBytes) => {
          received.push({ frame, payload: [...payload.subarray(0, Math.min(64, payloadBytes))], payloadBytes });
        },
      });
      for (let at = 0; at < bytes.length; at += step) {
        const chunk = bytes.subarray(at, at + step);
        reader.read(chunk, chunk.length);
      }
      expect(received).toEqual(
        sent.map(({ payload, ...frame }) => ({
          frame,
          payload: [...payload.subarray(0, 64)],
          payloadBytes: payload.length,
        })),
      );
    }),
  );
});
