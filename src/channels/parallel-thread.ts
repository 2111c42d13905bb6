import { type Movable, movablesIn, type Timer, type Workers, type WorkerThread } from "../platform/index.ts";
import type { Channel } from "./channel.ts";
import { Context } from "./context.ts";
import { CancelledError, DeadlineExceededError, WorkerCrashedError } from "./errors.ts";
import { Delivery, dispatch, type Inlet, LentReceiver, LentSender, Outlet, windowOf } from "./lent-channel.ts";
import { decodeError, encodeError, type FromWorker, type ToWorker, type WireArgument } from "./parallel-message.ts";
import { workerEntry } from "./parallel-worker.ts";

/** What to run, and how long a call that is cancelled may take to end before its thread is ended. */
export interface CallRequest {
  readonly module: string;
  readonly name: string;
  readonly arguments: readonly unknown[];
  readonly cancelGraceMs: number;
}

/** The call that a thread is busy with. */
interface RunningCall {
  readonly id: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  /** The ends lent to it that it receives from. */
  readonly outlets: Map<number, Outlet>;
  readonly lent: Map<number, Channel<unknown>>;
  /** The ends lent to it that it sends on. */
  readonly inlets: number[];
  outcome: Extract<FromWorker, { readonly kind: "outcome" }>["outcome"] | undefined;
}

/** A worker's thread as its pool sees it: it runs one call at a time. */
export class ParallelThread {
  readonly #thread: WorkerThread;
  readonly #inlets = new Map<number, Inlet>();
  #running: RunningCall | undefined = undefined;
  #lastId = 0;
  #isOver = false;

  /** `onEnd` is called once, when the thread is gone for whatever reason. */
  constructor(workers: Workers, onEnd: () => void) {
    this.#thread = workers.start(workerEntry, {
      onMessage: (message) => this.#handle(message as FromWorker),
      onEnd: ({ cause, exitCode }) => {
        this.#isOver = true;
        onEnd();
        this.#endCall((call) => call.reject(new WorkerCrashedError(exitCode, { cause })));
      },
    });
    this.#thread.keepAlive(false);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** The thread must be idle. @throws what the function throws; WorkerCrashedError; the context's error once it has ended. */
  async run(request: CallRequest, context: Context): Promise<unknown> {
    this.#thread.keepAlive(true);
    let graceTimer: Timer | undefined;
    let leave = (): void => {};
    try {
      const outcome = this.#start(request);
      leave = context.onEnd((error) => {
        this.#cancel(error);
        graceTimer = context.runtime.clock.setTimer(request.cancelGraceMs, () => void this.terminate());
      });
      return await outcome;
    } catch (error) {
      // The function has given up because it was told to, or was made to.
      const isGivenUp =
        error instanceof CancelledError ||
        error instanceof DeadlineExceededError ||
        error instanceof WorkerCrashedError;
      throw (isGivenUp ? context.error : undefined) ?? error;
    } finally {
      leave();
      graceTimer?.cancel();
      this.#thread.keepAlive(false);
    }
  }

  terminate(): Promise<void> {
    this.#isOver = true;
    return this.#thread.terminate();
  }

  #start(request: CallRequest): Promise<unknown> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const call: RunningCall = {
        id,
        resolve,
        reject,
        outlets: new Map(),
        lent: new Map(),
        inlets: [],
        outcome: undefined,
      };
      const movables = new Set<Movable>();
      const wire = request.arguments.map((each) => this.#lend(each, call, movables));
      const { module, name } = request;
      try {
        this.#thread.post({ kind: "call", call: id, module, name, arguments: wire } satisfies ToWorker, [...movables]);
      } catch (error) {
        // An argument can neither be copied nor moved.
        for (const end of call.inlets) this.#inlets.delete(end);
        throw error;
      }
      this.#running = call;
      for (const [end, channel] of call.lent) {
        call.outlets.set(
          end,
          new Outlet(channel, end, windowOf(channel), (message, moved) => this.#post(message, moved)),
        );
      }
    });
  }

  #lend(argument: unknown, call: RunningCall, movables: Set<Movable>): WireArgument {
    if (argument instanceof Context) return { kind: "context" };
    if (argument instanceof LentReceiver) {
      const end = ++this.#lastId;
      call.lent.set(end, argument.channel);
      return { kind: "receiver", end, window: windowOf(argument.channel) };
    }
    if (argument instanceof LentSender) {
      const end = ++this.#lastId;
      call.inlets.push(end);
      this.#inlets.set(end, new Delivery(argument.channel, end, (message, moved) => this.#post(message, moved)));
      return { kind: "sender", end, window: windowOf(argument.channel) };
    }
    for (const movable of movablesIn(argument)) movables.add(movable);
    return { kind: "value", value: argument };
  }

  #cancel(error: Error): void {
    if (this.#running !== undefined) this.#post({ kind: "cancel", call: this.#running.id, error: encodeError(error) });
  }

  #handle(message: FromWorker): void {
    const call = this.#running;
    if (message.kind === "outcome") {
      if (call !== undefined) void this.#release(call, message.outcome);
    } else if (message.kind === "released") {
      for (const { end, values } of message.unused) call?.lent.get(end)?.putBack(values);
      this.#endCall(settle);
    } else {
      dispatch(message, call?.outlets ?? new Map(), this.#inlets);
    }
  }

  /** The function has ended: nothing more is sent to it, and then it says what it has not received. */
  async #release(call: RunningCall, outcome: NonNullable<RunningCall["outcome"]>): Promise<void> {
    call.outcome = outcome;
    if (call.lent.size === 0) {
      this.#endCall(settle);
      return;
    }
    for (const outlet of call.outlets.values()) await outlet.stop();
    this.#post({ kind: "release", call: call.id });
  }

  #endCall(tell: (call: RunningCall) => void): void {
    const call = this.#running;
    if (call === undefined) return;
    this.#running = undefined;
    for (const outlet of call.outlets.values()) void outlet.stop();
    // What has arrived is still delivered.
    for (const end of call.inlets) this.#inlets.delete(end);
    tell(call);
  }

  /** To a thread that is gone nothing is said any more. */
  #post(message: ToWorker, transfer: readonly Movable[] = []): void {
    if (!this.#isOver) this.#thread.post(message, transfer);
  }
}

function settle(call: RunningCall): void {
  const { outcome } = call;
  if (outcome === undefined) return;
  if ("error" in outcome) call.reject(decodeError(outcome.error));
  else call.resolve(outcome.value);
}
