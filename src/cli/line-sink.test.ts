import { expect, test } from "vitest";
import { LineSink } from "./line-sink.ts";

/** A reader that takes as many bytes as `room` says, and callbacks that run when the test says so. */
class Reader {
  room = Number.POSITIVE_INFINITY;
  text = "";
  error: Error | undefined;
  pausesLeft = 0;
  deferred: (() => void)[] = [];
  readonly sink = new LineSink({
    write: (bytes) => {
      if (this.error !== undefined) throw this.error;
      if (this.room === 0) throw Object.assign(new Error("full"), { code: "EAGAIN" });
      const taken = bytes.subarray(0, this.room);
      this.room -= taken.length;
      this.text += Buffer.from(taken).toString("utf8");
      return taken.length;
    },
    defer: (callback) => this.deferred.push(callback),
    pause: () => {
      this.room = 3;
      return this.pausesLeft-- > 0;
    },
  });

  runDeferred(): void {
    for (const callback of this.deferred.splice(0)) callback();
  }
}

test("a line is written within the call", () => {
  const reader = new Reader();
  reader.sink.write("one\n");
  expect(reader.text).toBe("one\n");
});

test("what a reader does not take is written later, in order and whole", () => {
  const reader = new Reader();
  reader.room = 5;
  for (const line of ["one\n", "two\n", "three\n"]) reader.sink.write(line);
  expect(reader.text).toBe("one\nt");
  reader.runDeferred();
  expect(reader.text).toBe("one\nt");
  reader.room = Number.POSITIVE_INFINITY;
  reader.runDeferred();
  expect(reader.text).toBe("one\ntwo\nthree\n");
  reader.sink.write("four\n");
  expect(reader.text).toMatch(/four\n$/);
});

test("flush waits for a slow reader, but not for ever", () => {
  const reader = new Reader();
  reader.room = 0;
  reader.sink.write("one two three\n");
  reader.pausesLeft = 2;
  reader.sink.flush();
  expect(reader.text).toBe("one tw");
  reader.pausesLeft = 10;
  reader.sink.flush();
  expect(reader.text).toBe("one two three\n");
});

test("what is kept is bounded, and what is dropped is counted once", () => {
  const reader = new Reader();
  reader.room = 0;
  const line = `${"x".repeat(1_023)}\n`;
  for (let count = 0; count < 1_030; count++) reader.sink.write(line);
  expect([reader.sink.takeDroppedCount(), reader.sink.takeDroppedCount()]).toEqual([6, 0]);
  reader.room = Number.POSITIVE_INFINITY;
  reader.runDeferred();
  expect(reader.text.length).toBe(1_048_576);
});

test("a reader that is gone gets nothing more", () => {
  const reader = new Reader();
  reader.error = Object.assign(new Error("closed"), { code: "EPIPE" });
  reader.sink.write("one\n");
  reader.error = undefined;
  reader.sink.write("two\n");
  reader.sink.flush();
  expect([reader.text, reader.deferred.length]).toEqual(["", 0]);
});
