/** Threads as the platform offers them: the real ones and the simulated ones keep the same promises. They run what is built in dist/. */
import { createNodePlatform, type Platform, type WorkerThread } from "coterie/platform";
import { SimulatedWorld } from "coterie/simulation";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

interface Host {
  readonly platform: Platform;
  until<T>(promise: Promise<T>): Promise<T>;
}

const implementations: readonly { readonly name: string; readonly make: () => Host }[] = [
  { name: "threads of Node", make: () => ({ platform: createNodePlatform(), until: (promise) => promise }) },
  {
    name: "threads of the simulator",
    make: () => {
      const world = new SimulatedWorld({ seed: 1 });
      return { platform: world.machine("n1").start(), until: (promise) => world.until(promise) };
    },
  },
];

const entry = new URL("./thread-echo.mjs", import.meta.url).href;

/** A thread, what has come from it, and how it ended. */
class Thread {
  readonly messages: unknown[] = [];
  readonly ended: Promise<{ readonly cause: unknown; readonly exitCode: number }>;
  readonly thread: WorkerThread;
  readonly #host: Host;
  #told: () => void = () => {};

  constructor(host: Host, module: string = entry) {
    this.#host = host;
    let end: (how: { readonly cause: unknown; readonly exitCode: number }) => void = () => {};
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    this.thread = host.platform.workers.start(module, {
      onMessage: (message) => {
        this.messages.push(message);
        this.#told();
      },
      onEnd: (how) => {
        this.messages.push("end");
        end(how);
      },
    });
  }

  ask(message: object, transfer: readonly ArrayBuffer[] = []): void {
    this.thread.post(message, transfer);
  }

  /** Once `count` messages have come, those. */
  heard(count: number): Promise<readonly unknown[]> {
    const heard = new Promise<readonly unknown[]>((resolve) => {
      this.#told = () => {
        if (this.messages.length >= count) resolve(this.messages);
      };
      this.#told();
    });
    return this.#host.until(heard);
  }
}

describe.for(implementations)("$name", ({ make }) => {
  let host: Host;
  const threads: Thread[] = [];
  const start = (module?: string): Thread => {
    const thread = new Thread(host, module);
    threads.push(thread);
    return thread;
  };
  beforeEach(() => {
    host = make();
  });
  afterEach(async () => {
    for (const { thread } of threads.splice(0)) await host.until(thread.terminate());
  });

  test("messages arrive in order, also those that were posted before the thread ran", async () => {
    const thread = start();
    for (let number = 0; number < 100; number++) thread.ask({ kind: "echo", number });
    expect(await thread.heard(100)).toEqual(Array.from({ length: 100 }, (_, number) => ({ number })));
  });

  test("a message is a copy, and what is transferred is moved, there and back", async () => {
    const thread = start();
    const inner = { text: "before" };
    const bytes = new Uint8Array(1_000).fill(7).buffer;
    thread.ask({ kind: "echo", inner, bytes }, [bytes]);
    inner.text = "after";
    expect(bytes.byteLength).toBe(0);
    expect(await thread.heard(1)).toEqual([{ inner: { text: "before" }, bytes: new Uint8Array(1_000).fill(7).buffer }]);
  });

  test("what can be neither copied nor moved is refused where it is posted", async () => {
    const thread = start();
    expect(() => thread.ask({ kind: "echo", refused: () => {} })).toThrow(
      expect.objectContaining({ name: "DataCloneError" }),
    );
    thread.ask({ kind: "uncloneable" });
    expect(await thread.heard(1)).toEqual([{ name: "DataCloneError" }]);
  });

  test("each thread has a clock, and modules with a state of its own", async () => {
    const [first, second] = [start(), start()];
    for (const thread of [first, second]) {
      thread.ask({ kind: "sleep", delayMs: 3 });
      expect(await thread.heard(1)).toEqual([{ sleptMs: 3 }]);
      thread.ask({ kind: "count" });
      expect(await thread.heard(2)).toContainEqual({ count: 1, again: 2, isServed: true });
    }
  });

  test("a module that is not there is an error of whoever loads it", async () => {
    const thread = start();
    thread.ask({ kind: "load", module: new URL("./not-there.mjs", import.meta.url).href });
    expect(await thread.heard(1)).toEqual([{ outcome: "ERR_MODULE_NOT_FOUND" }]);
  });

  test("terminating ends a thread without a cause, after which nothing comes, and may be repeated", async () => {
    const thread = start();
    thread.ask({ kind: "echo" });
    await thread.heard(1);
    thread.ask({ kind: "sleep", delayMs: 100_000 });
    await host.until(Promise.all([thread.thread.terminate(), thread.thread.terminate()]));
    expect(await host.until(thread.ended)).toEqual({ cause: undefined, exitCode: 1 });
    thread.ask({ kind: "echo" });
    expect(thread.messages).toEqual([{}, "end"]);
  });

  test("an error that nobody catches ends the thread with it", async () => {
    const thread = start();
    thread.ask({ kind: "fail", text: "out of range" });
    const { cause, exitCode } = await host.until(thread.ended);
    expect(cause).toMatchObject({ name: "RangeError", message: "out of range" });
    expect(exitCode).toBe(1);
  });

  test("a thread whose module is missing ends with the cause", async () => {
    const thread = start(new URL("./not-there.mjs", import.meta.url).href);
    const { cause, exitCode } = await host.until(thread.ended);
    expect(cause).toMatchObject({ code: "ERR_MODULE_NOT_FOUND" });
    expect(exitCode).toBe(1);
    expect(host.platform.workers.parallelism).toBeGreaterThan(0);
  });
});
