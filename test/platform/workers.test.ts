/** The contract of threads, held by those of Node. */
import { afterEach, describe, expect, test } from "vitest";
import { type Movable, movablesIn, NodeWorkers, type WorkerThread } from "../../src/platform/index.ts";

const entry = new URL("./worker-entry.mjs", import.meta.url).href;

/** A thread, what it has said, and how it ended. */
class Conversation {
  readonly thread: WorkerThread;
  readonly said: unknown[] = [];
  readonly ends: { readonly cause: unknown; readonly exitCode: number }[] = [];
  #wake = (): void => {};

  constructor(module: string = entry) {
    this.thread = new NodeWorkers().start(module, {
      onMessage: (message) => {
        this.said.push(message);
        this.#wake();
      },
      onEnd: (end) => {
        this.ends.push(end);
        this.#wake();
      },
    });
    conversations.push(this);
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const conversations: Conversation[] = [];

afterEach(async () => {
  for (const { thread } of conversations.splice(0)) await thread.terminate();
});

describe("a thread", () => {
  test("is told messages in order, as copies, and answers in order", async () => {
    const conversation = new Conversation();
    const message = { list: [1, 2] };
    conversation.thread.post(message);
    message.list.push(3);
    for (let number = 0; number < 100; number++) conversation.thread.post(number);
    await conversation.until(() => conversation.said.length === 101);
    const numbers = Array.from({ length: 100 }, (_, number) => ({ echo: number }));
    expect(conversation.said).toEqual([{ echo: { list: [1, 2] } }, ...numbers]);
  });

  test("is given memory, and gives it back", async () => {
    const conversation = new Conversation();
    const bytes = new Uint8Array(1_000).fill(5);
    conversation.thread.post(bytes, [bytes.buffer]);
    expect(bytes.byteLength).toBe(0);
    await conversation.until(() => conversation.said.length === 1);
    expect(conversation.said).toEqual([new Uint8Array(1_000).fill(5)]);
  });

  test("cannot be told what can be neither copied nor moved", () => {
    const { thread } = new Conversation();
    expect(() => thread.post(() => {})).toThrow(expect.objectContaining({ name: "DataCloneError" }));
  });

  test.for([
    { word: "exit", end: { cause: undefined, exitCode: 3 } },
    { word: "throw", end: { cause: expect.objectContaining({ name: "RangeError", message: "broken" }), exitCode: 1 } },
  ])("ends once, with its cause and exit code: $word", async ({ word, end }) => {
    const conversation = new Conversation();
    conversation.thread.post(word);
    await conversation.until(() => conversation.ends.length > 0);
    await conversation.thread.terminate();
    expect(conversation.ends).toEqual([end]);
  });

  test("is ended in the midst of what it does", async () => {
    const conversation = new Conversation();
    conversation.thread.post("hello");
    await conversation.until(() => conversation.said.length === 1);
    conversation.thread.post("never");
    await Promise.all([conversation.thread.terminate(), conversation.thread.terminate()]);
    expect(conversation.ends).toHaveLength(1);
    conversation.thread.post("to nobody");
  });

  test("whose module is missing ends with that", async () => {
    const conversation = new Conversation(new URL("./not-there.mjs", import.meta.url).href);
    await conversation.until(() => conversation.ends.length > 0);
    expect(conversation.ends).toEqual([
      { cause: expect.objectContaining({ code: "ERR_MODULE_NOT_FOUND" }), exitCode: 1 },
    ]);
  });
});

test("there is at least one core", () => {
  expect(new NodeWorkers().parallelism).toBeGreaterThanOrEqual(1);
});

describe("what can be moved", () => {
  const buffer = new ArrayBuffer(8);
  const { port1, port2 } = new MessageChannel();
  port1.close();
  test.for<{ readonly name: string; readonly value: unknown; readonly found: readonly Movable[] }>([
    { name: "nothing in a number", value: 1, found: [] },
    { name: "nothing in text", value: "abc", found: [] },
    { name: "memory", value: buffer, found: [buffer] },
    { name: "the memory of a view that covers it", value: new Float64Array(buffer), found: [buffer] },
    { name: "not the memory of a view of a part", value: new Uint8Array(buffer, 0, 4), found: [] },
    { name: "not the pool that small Buffers share", value: Buffer.from("small"), found: [] },
    { name: "not memory that is shared anyway", value: new Uint8Array(new SharedArrayBuffer(8)), found: [] },
    { name: "no empty view", value: new Uint8Array(0), found: [] },
    { name: "a port", value: port2, found: [port2] },
    { name: "each once", value: [buffer, new Uint8Array(buffer)], found: [buffer] },
    { name: "what stands in a plain object", value: { pixels: new Uint8Array(buffer), width: 2 }, found: [buffer] },
    { name: "nothing deeper than that", value: { image: { pixels: buffer } }, found: [] },
    {
      name: "nothing in an instance of a class",
      value: new (class {
        own = buffer;
      })(),
      found: [],
    },
    { name: "nothing in a long list", value: new Array(2_000).fill(buffer), found: [] },
  ])("$name", ({ value, found }) => {
    expect(movablesIn(value)).toEqual(found);
  });
});
