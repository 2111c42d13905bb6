import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { Channel, Context, closed, go, sleep, type Task } from "../channels/index.ts";
import { createNodePlatform, type Platform } from "../platform/index.ts";
import { SimulatedWorld } from "../simulation/index.ts";
import type { Connection } from "./connection.ts";
import { JsonStream } from "./json-stream.ts";
import { RequestClient, type RequestClientOptions } from "./request-client.ts";
import { RequestFailedError } from "./request-errors.ts";
import { type RequestHandler, type ServeOptions, serveRequests, withParams } from "./request-server.ts";
import { dialTcp, listenTcp } from "./tcp.ts";

interface Ends {
  readonly client: Connection;
  readonly server: Connection;
  readonly context: Context;
}

type Run = (program: (ends: Ends) => Promise<void>) => Promise<void>;

async function withEnds(platform: Platform, program: (ends: Ends) => Promise<void>): Promise<void> {
  const context = Context.background(platform);
  const options = { network: platform.network, context, closeWaitMs: 200 };
  const listener = await listenTcp("127.0.0.1:0", options);
  const client = await dialTcp(listener.address, options);
  const server = await listener.accept();
  if (server === closed) throw new Error("closed");
  try {
    await program({ client, server, context });
  } finally {
    client.destroy();
    server.destroy();
    await listener.close();
  }
}

const hosts: readonly { readonly name: string; readonly run: Run }[] = [
  { name: "on Node", run: (program) => withEnds(createNodePlatform(), program) },
  {
    name: "simulated, in pieces",
    run: (program) => {
      const world = new SimulatedWorld({ seed: 5, network: { splitChance: 0.6 } });
      return world.until(withEnds(world.machine("n1").start(), program));
    },
  },
];

const Pair = z.object({ a: z.number(), b: z.number() });

/** How a promise ended: its value, or the error's code and what else tells. */
async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => value,
    (error: { code: string; errorCode?: number; message: string; outcome: string }) =>
      [error.code, error.errorCode, error.outcome].filter((part) => part !== undefined).join(" "),
  );
}

describe.for(hosts)("$name", ({ run }) => {
  const served = (
    methods: Readonly<Record<string, RequestHandler>>,
    program: (client: RequestClient, ends: Ends & { serving: Task<void> }) => Promise<void>,
    options: { readonly serve?: ServeOptions; readonly ask?: RequestClientOptions } = {},
  ): Promise<void> =>
    run(async (ends) => {
      const serving = go(
        () => serveRequests(ends.server, methods, { context: ends.context, ...options.serve }),
        ends.context,
      );
      const client = new RequestClient(ends.client, options.ask);
      await program(client, { ...ends, serving });
      await client.close();
      await serving;
    });

  test("a request is answered, with its type", () =>
    served({ add: withParams(Pair, ({ a, b }) => a + b), nothing: () => undefined }, async (client) => {
      const sum = await client.request("add", { a: 1, b: 2 }, { result: z.number() });
      expectTypeOf(sum).toEqualTypeOf<number>();
      expect(sum).toBe(3);
      expect(await client.request("nothing")).toBeNull();
    }));

  test("answers come in any order, each to its own request", () => {
    const gates = Array.from({ length: 20 }, () => new Channel<never>());
    const wait = withParams(z.tuple([z.number()]), async ([at], context) => {
      await gates[at]?.receive(context);
      return at;
    });
    return served({ wait }, async (client) => {
      const answered: unknown[] = [];
      const asking = gates.map(async (_, at) => answered.push(await client.request("wait", [at])));
      for (const gate of gates.toReversed()) {
        gate.close();
        await asking[gates.indexOf(gate)];
      }
      await Promise.all(asking);
      expect(answered).toEqual(gates.map((_, at) => at).toReversed());
    });
  });

  test("what goes wrong has a code, and tells whether it may have happened", () => {
    const errors: unknown[] = [];
    const methods = {
      add: withParams(Pair, ({ a, b }) => a + b),
      refuse: () => {
        throw new RequestFailedError("no such user", { errorCode: 404, data: { user: 7 } });
      },
      crash: () => {
        throw new TypeError("a secret");
      },
      circular: () => {
        const value: unknown[] = [];
        value.push(value);
        return value;
      },
      circularData: () => {
        throw new RequestFailedError("x", { data: 1n });
      },
      large: () => "x".repeat(2_000),
    };
    return served(
      methods,
      async (client) => {
        expect(await outcomeOf(client.request("none"))).toBe("REQUEST_FAILED -32601 notApplied");
        expect(await outcomeOf(client.request("toString"))).toBe("REQUEST_FAILED -32601 notApplied");
        expect(await outcomeOf(client.request("add", { a: 1 }))).toBe("REQUEST_FAILED -32602 notApplied");
        await expect(client.request("add", { a: 1 })).rejects.toThrow(/^the params: it does not fit its schema: b: /);
        expect(await outcomeOf(client.request("refuse"))).toBe("REQUEST_FAILED 404 unknown");
        await expect(client.request("refuse")).rejects.toMatchObject({ message: "no such user", data: { user: 7 } });
        await expect(client.request("crash")).rejects.toMatchObject({ message: "internal error", errorCode: -32_603 });
        expect(errors).toEqual([expect.any(TypeError)]);
        for (const method of ["circular", "circularData", "large"]) {
          expect(await outcomeOf(client.request(method))).toBe("REQUEST_FAILED -32603 unknown");
        }
        expect(await outcomeOf(client.request("add", { a: 1, b: 1 }, { result: z.string() }))).toBe(
          "MESSAGE_INVALID applied",
        );
        expect(await outcomeOf(client.request("add", { a: 1n }))).toBe("INVALID_ARGUMENT notApplied");
        expect(await client.request("add", { a: 1, b: 1 })).toBe(2);
      },
      { serve: { bytesMax: 1_000, onError: (error) => errors.push(error) } },
    );
  });

  test("a request that takes too long is given up, and its handler is told", () => {
    const ended = new Channel<string>(2);
    const slow: RequestHandler = async (_, context) => {
      await context.done();
      await ended.send((context.error as { code?: string } | undefined)?.code ?? "?");
      throw new Error("nobody hears this");
    };
    return served({ slow, quick: () => "quick" }, async (client, { context }) => {
      expect(await outcomeOf(client.request("slow", [], { timeoutMs: 20 }))).toBe("REQUEST_TIMEOUT unknown");
      expect(await ended.receive()).toBe("CANCELLED");
      const [patience, cancel] = context.withCancel();
      const asking = outcomeOf(client.request("slow", [], { cancellation: patience }));
      await client.request("quick");
      cancel();
      expect(await asking).toBe("REQUEST_CANCELLED unknown");
      expect(await ended.receive()).toBe("CANCELLED");
      expect(await outcomeOf(client.request("quick", [], { cancellation: patience }))).toBe("CANCELLED notApplied");
      expect(await client.request("quick")).toBe("quick");
    });
  });

  test("a signal gives up a request as a context does", () =>
    served({ slow: (_, context) => context.done() }, async (client) => {
      const controller = new AbortController();
      const asking = outcomeOf(client.request("slow", undefined, { cancellation: controller.signal }));
      await outcomeOf(client.request("none"));
      controller.abort();
      expect(await asking).toBe("REQUEST_CANCELLED unknown");
    }));

  test("so many are carried out at a time, the others wait for their turn or to be sent", () => {
    let running = 0;
    let most = 0;
    const work: RequestHandler = async (_, context) => {
      most = Math.max(most, ++running);
      await sleep(1, context);
      running--;
      return null;
    };
    return served(
      { work },
      async (client) => {
        await Promise.all(Array.from({ length: 60 }, () => client.request("work")));
        expect(most).toBe(3);
      },
      { serve: { concurrencyMax: 3, waitingMax: 4 }, ask: { requestsMax: 20 } },
    );
  });

  test("closing waits for the answers of what is under way, and takes nothing more", () =>
    run(async ({ client, server, context }) => {
      const serving = serveRequests(server, { slow: async (_, inner) => sleep(20, inner) }, { context });
      const requests = new RequestClient(client);
      const asking = requests.request("slow");
      const closing = requests.close();
      expect(await outcomeOf(requests.request("slow"))).toBe("CONNECTION_CLOSED notApplied");
      expect(await asking).toBeNull();
      await closing;
      await serving;
    }));

  test("a serving side that drains answers what is under way, then closes", () =>
    run(async ({ client, server, context }) => {
      const [drain, startDraining] = context.withCancel();
      const serving = serveRequests(server, { slow: async (_, inner) => sleep(20, inner) }, { context, drain });
      const requests = new RequestClient(client);
      const asking = requests.request("slow");
      await outcomeOf(requests.request("none"));
      startDraining();
      expect(await asking).toBeNull();
      await serving;
      expect(await outcomeOf(requests.request("slow"))).toMatch(/^CONNECTION_CLOSED|^REQUEST_UNANSWERED/);
      await requests.close();
    }));

  test("a serving side whose context ends gives up what is under way", () =>
    run(async ({ client, server, context }) => {
      const [inner, stop] = context.withCancel();
      const slow: RequestHandler = async (_, own) => {
        await own.done();
        throw own.error;
      };
      const serving = serveRequests(server, { slow }, { context: inner });
      const requests = new RequestClient(client);
      const asking = outcomeOf(requests.request("slow"));
      await outcomeOf(requests.request("none"));
      stop();
      expect(await asking).toBe("REQUEST_FAILED -32800 unknown");
      await serving;
      await requests.close();
    }));

  test("a connection that breaks leaves requests unanswered and tells the handlers", () =>
    run(async ({ client, server, context }) => {
      const ended = new Channel<boolean>(1);
      const hang: RequestHandler = async (_, inner) => {
        await inner.done();
        await ended.send(true);
      };
      const serving = serveRequests(server, { hang }, { context });
      const requests = new RequestClient(client);
      const asking = [1, 2].map(() => outcomeOf(requests.request("hang")));
      await outcomeOf(requests.request("none"));
      client.destroy();
      expect(await Promise.all(asking)).toEqual(["REQUEST_UNANSWERED unknown", "REQUEST_UNANSWERED unknown"]);
      expect(await outcomeOf(requests.request("hang"))).toBe("CONNECTION_CLOSED notApplied");
      server.destroy();
      expect(await ended.receive()).toBe(true);
      await serving;
    }));

  test("notifications are carried out and not answered", () => {
    const heard = new Channel<unknown>(3);
    const methods = {
      note: (params: unknown) => heard.send(params),
      fail: () => {
        throw new Error("x");
      },
    };
    return served(methods, async (client) => {
      await client.notify("fail");
      await client.notify("none");
      await client.notify("note", [1]);
      expect(await heard.receive()).toEqual([1]);
      await expect(client.notify("$/cancelRequest", { id: 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    });
  });

  test("others speak JSON-RPC 2.0; what is none is refused, and the connection goes on", () =>
    run(async ({ client, server, context }) => {
      const serving = serveRequests(server, { echo: (params) => params, hang: (_, own) => own.done() }, { context });
      const stream = JsonStream.untyped(client);
      const ask = async (line: string): Promise<unknown> => {
        await client.write(`${line}\n`);
        return stream.receive();
      };
      const refused = (id: unknown, code = -32_600): unknown => ({
        jsonrpc: "2.0",
        id,
        error: { code, message: expect.any(String) },
      });
      expect(await ask('{"jsonrpc":"2.0","id":"x","method":"echo","params":[1]}')).toEqual({
        jsonrpc: "2.0",
        id: "x",
        result: [1],
      });
      expect(await ask("{")).toEqual(refused(null, -32_700));
      expect(await ask("[]")).toEqual(refused(null));
      expect(await ask("null")).toEqual(refused(null));
      expect(await ask('{"id":1,"method":"echo"}')).toEqual(refused(1));
      expect(await ask('{"jsonrpc":"2.0","id":1}')).toEqual(refused(1));
      expect(await ask('{"jsonrpc":"2.0","id":{},"method":"echo"}')).toEqual(refused(null));
      expect(await ask('{"jsonrpc":"2.0","id":1,"method":"echo","params":7}')).toEqual(refused(1));
      expect(await ask('{"jsonrpc":"2.0","method":"$/cancelRequest"}')).toEqual(refused(null));
      await client.write('{"jsonrpc":"2.0","id":2,"method":"hang"}\n');
      expect(await ask('{"jsonrpc":"2.0","id":2,"method":"echo"}')).toEqual(refused(null));
      expect(await ask('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":2}}')).toMatchObject({ id: 2 });
      await client.close();
      await serving;
    }));

  test("answers that make no sense disturb no request", () =>
    run(async ({ client, server }) => {
      const requests = new RequestClient(client);
      const asking = requests.request("x");
      const nonsense = ["{", "7", "{}", '{"jsonrpc":"2.0","id":99,"result":1}', '{"jsonrpc":"2.0","id":1}'];
      await server.write(`${nonsense.join("\n")}\n`);
      await server.write('{"jsonrpc":"2.0","id":1,"result":"yes"}\n');
      expect(await asking).toBe("yes");
    }));
});
