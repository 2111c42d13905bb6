import fc from "fast-check";
import { expect, test } from "vitest";
import { ByteReader, ByteWriter, type PeerLink } from "../../net/index.ts";
import { BulkReceiver, BulkSender } from "./bulk.ts";

/** A connection that takes so many bytes before it is full. */
function fakeLink() {
  const messages: Buffer[] = [];
  let out = new ByteWriter();
  const link = {
    isUp: true,
    queuedBytes: 0,
    begin(): ByteWriter {
      out = new ByteWriter();
      return out;
    },
    end(): void {
      messages.push(out.finish());
      link.queuedBytes += out.at;
    },
  };
  return { link: link as unknown as PeerLink & { queuedBytes: number }, messages };
}

function receive(receiver: BulkReceiver, message: Buffer): ReturnType<BulkReceiver["receive"]> {
  const input = new ByteReader();
  input.open(message, 0, message.length);
  return receiver.receive(input);
}

test("transfers come back whole, and take turns", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 700_000 }), { minLength: 1, maxLength: 7 }), (sizes) => {
      const { link, messages } = fakeLink();
      const sender = new BulkSender(() => link);
      const header = Buffer.from("header");
      sizes.forEach((size, at) => {
        sender.add(1, header, at % 2 === 0 ? String(at).repeat(size).slice(0, size) : Buffer.alloc(size, String(at)));
      });
      const receiver = new BulkReceiver(100 << 20);
      const done: string[] = [];
      while (done.length < sizes.length) {
        link.queuedBytes = 0;
        sender.pump();
        expect(link.queuedBytes).toBeLessThan(512 * 1024 + 130 * 1024);
        expect(messages.length).toBeGreaterThan(0);
        for (const message of messages.splice(0)) {
          const whole = receive(receiver, message);
          if (whole === "bad") throw new Error("bad");
          if (whole !== undefined) done.push(whole.content.toString("latin1"));
        }
      }
      const expected = sizes.map((size, at) => `header${String(at).repeat(size).slice(0, size)}`);
      expect(done.map(({ length }) => length).toSorted()).toEqual(expected.map(({ length }) => length).toSorted());
      expect(new Set(done)).toEqual(new Set(expected));
    }),
    { numRuns: 20 },
  );
});

test("a small transfer is not behind a large one", () => {
  const { link, messages } = fakeLink();
  const sender = new BulkSender(() => link);
  sender.add(1, Buffer.from("a"), Buffer.alloc(10 << 20));
  sender.add(1, Buffer.from("b"), Buffer.alloc(10));
  sender.pump();
  const receiver = new BulkReceiver(100 << 20);
  const whole = messages.map((message) => receive(receiver, message)).filter((each) => each !== undefined);
  expect(whole).toHaveLength(1);
});

test("pieces that make no sense are bad, and what is held is bounded", () => {
  const piece = (id: number, kind: number, total: number, bytes: number): Buffer => {
    const out = new ByteWriter();
    out.integer(id);
    out.u8(kind);
    out.integer(total);
    out.raw(Buffer.alloc(bytes));
    return out.finish();
  };
  expect(receive(new BulkReceiver(1_000), piece(1, 1, 10, 20))).toBe("bad");
  expect(receive(new BulkReceiver(1_000), piece(1, 1, 10, 0))).toBe("bad");
  expect(receive(new BulkReceiver(1_000), Buffer.alloc(5))).toBe("bad");
  const mixed = new BulkReceiver(1_000);
  expect(receive(mixed, piece(1, 1, 100, 20))).toBeUndefined();
  expect(receive(mixed, piece(1, 2, 100, 20))).toBe("bad");
  const full = new BulkReceiver(1_000);
  expect(receive(full, piece(1, 1, 1e12, 600))).toBeUndefined();
  expect(receive(full, piece(2, 1, 1e12, 600))).toBe("bad");
});
