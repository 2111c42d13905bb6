/**
 * What runs in a worker's thread: it imports the module, runs the calls that come, and stands in for the channels and the
 * contexts that were given to them.
 */
import { movablesIn, type ThreadHost, type ThreadPort, threadHost } from "../platform/index.ts";
import { Channel } from "./channel.ts";
import { Context } from "./context.ts";
import { InvalidArgumentError } from "./errors.ts";
import { ArrivalChannel, dispatch, type Inlet, Outlet } from "./lent-channel.ts";
import { decodeError, encodeError, type FromWorker, type ToWorker, type WireArgument } from "./parallel-message.ts";

/** Where this module stands, for the thread that starts others with it. */
export const workerEntry: string = import.meta.url;

type CallMessage = Extract<ToWorker, { readonly kind: "call" }>;

/** A call that runs, and what it was lent. */
interface Call {
  readonly context: Context;
  readonly arrivals: ReadonlyMap<number, ArrivalChannel>;
  readonly outlets: ReadonlyMap<number, Outlet>;
}

/** The worker's side of the conversation. */
class Server {
  readonly #calls = new Map<number, Call>();
  readonly #inlets = new Map<number, Inlet>();
  readonly #outlets = new Map<number, Outlet>();
  readonly #host: ThreadHost;
  readonly #port: ThreadPort;
  /** Above the contexts of all calls: their time is the thread's. */
  readonly #background: Context;

  constructor(host: ThreadHost) {
    this.#host = host;
    this.#background = Context.background(host);
    this.#port = host.connect((message) => this.#handle(message as ToWorker));
  }

  #handle(message: ToWorker): void {
    if (message.kind === "call") void this.#run(message);
    else if (message.kind === "cancel") this.#calls.get(message.call)?.context.cancel(decodeError(message.error));
    else if (message.kind === "release") this.#release(message.call);
    else dispatch(message, this.#outlets, this.#inlets);
  }

  async #run(message: CallMessage): Promise<void> {
    const call = this.#accept(message);
    const { call: id } = message;
    try {
      const body = await this.#functionOf(message.module, message.name);
      const value = await body(...message.arguments.map((each) => this.#argument(each, call)));
      await stopAll(call);
      this.#post({ kind: "outcome", call: id, outcome: { value } }, movablesIn(value));
    } catch (error) {
      await stopAll(call);
      this.#post({ kind: "outcome", call: id, outcome: { error: encodeError(error) } });
    }
    if (call.arrivals.size === 0) this.#forget(id, call);
  }

  #accept(message: CallMessage): Call {
    const arrivals = new Map<number, ArrivalChannel>();
    const outlets = new Map<number, Outlet>();
    const post = (each: FromWorker, transfer: ReturnType<typeof movablesIn>): void => this.#post(each, transfer);
    for (const each of message.arguments) {
      if (each.kind === "receiver") {
        const channel = new ArrivalChannel(each.end, each.window, post);
        arrivals.set(each.end, channel);
        this.#inlets.set(each.end, channel);
      } else if (each.kind === "sender") {
        const outlet = new Outlet(new Channel<unknown>(), each.end, each.window, post);
        outlets.set(each.end, outlet);
        this.#outlets.set(each.end, outlet);
      }
    }
    const call = { context: this.#background.child(), arrivals, outlets };
    this.#calls.set(message.call, call);
    return call;
  }

  #argument(argument: WireArgument, call: Call): unknown {
    if (argument.kind === "value") return argument.value;
    if (argument.kind === "context") return call.context;
    return argument.kind === "receiver" ? call.arrivals.get(argument.end) : call.outlets.get(argument.end)?.channel;
  }

  /** The call is over on both sides, and all that was sent to it has arrived. */
  #release(id: number): void {
    const call = this.#calls.get(id);
    if (call === undefined) return;
    const unused = [...call.arrivals].map(([end, channel]) => ({ end, values: channel.takeUnused() }));
    for (const channel of call.arrivals.values()) if (!channel.isClosed) channel.close();
    this.#forget(id, call);
    this.#post(
      { kind: "released", call: id, unused },
      unused.flatMap(({ values }) => values.flatMap((value) => movablesIn(value))),
    );
  }

  #forget(id: number, call: Call): void {
    this.#calls.delete(id);
    for (const end of call.arrivals.keys()) this.#inlets.delete(end);
    for (const end of call.outlets.keys()) this.#outlets.delete(end);
  }

  async #functionOf(module: string, name: string): Promise<(...given: unknown[]) => unknown> {
    const exported = await this.#host.load(module);
    const found = exported[name];
    if (typeof found === "function") return (...given) => found(...given);
    throw new InvalidArgumentError(`${module} exports no function "${name}"`);
  }

  #post(message: FromWorker, transfer: ReturnType<typeof movablesIn> = []): void {
    this.#port.post(message, transfer);
  }
}

/** Nothing that the call has sent is under way any more: what it returns comes after it. */
async function stopAll(call: Call): Promise<void> {
  call.context.cancel();
  for (const outlet of call.outlets.values()) await outlet.stop();
}

/** Called once in each worker's thread. */
export function serve(host: ThreadHost | undefined = threadHost()): void {
  if (host !== undefined) new Server(host);
}
