import { type Cancellation, contextOf } from "./cancellation.ts";
import { Channel, type ReceiveChannel, type SendChannel } from "./channel.ts";
import { background, type Context } from "./context.ts";
import { InvalidArgumentError } from "./errors.ts";
import { TaskGroup } from "./task-group.ts";

/**
 * A stage of a pipeline: the channel that it yields into, and how it ended. Where a stage ends well, `output` is closed;
 * where it fails or is cancelled, whoever reads `output` is thrown the error after the last value. So reading to the end
 * is enough to know that all went well; `finished` is for those who do not read.
 */
export interface Stage<T> {
  readonly output: ReceiveChannel<T>;
  /** Rejects with the error of the first part that failed, or the context's. */
  readonly finished: Promise<void>;
}

/** A stage with several outputs, all of which end as it does. */
export interface FanOut<T> {
  readonly outputs: readonly ReceiveChannel<T>[];
  readonly finished: Promise<void>;
}

/** All values of all `sources`, each source's in its order. The first source that fails ends the stage. */
export function merge<T>(sources: readonly ReceiveChannel<T>[], cancellation: Cancellation = background()): Stage<T> {
  const output = new Channel<T>();
  const finished = inGroup([output], cancellation, (group) => {
    for (const source of sources) group.go((context) => pump(source, output, context));
  });
  return { output, finished };
}

/**
 * `transform` of each value, by `workerCount` goroutines that share the source. The order is kept only with one worker.
 * The first failure ends the stage.
 */
export function mapConcurrently<T, U>(
  source: ReceiveChannel<T>,
  options: { readonly workerCount: number },
  transform: (value: T, context: Context) => U | Promise<U>,
  cancellation: Cancellation = background(),
): Stage<U> {
  checkCount("workers", options.workerCount);
  const output = new Channel<U>();
  const finished = inGroup([output], cancellation, (group) => {
    for (let worker = 0; worker < options.workerCount; worker++) {
      group.go(async (context) => {
        for await (const value of source.values(context)) await output.send(await transform(value, context), context);
      });
    }
  });
  return { output, finished };
}

/** Deals the values of `source` out to `count` channels: each value goes to whichever has a receiver first. */
export function fanOut<T>(
  source: ReceiveChannel<T>,
  count: number,
  cancellation: Cancellation = background(),
): FanOut<T> {
  checkCount("outputs", count);
  const outputs = Array.from({ length: count }, () => new Channel<T>());
  const finished = inGroup(outputs, cancellation, (group) => {
    for (const output of outputs) group.go((context) => pump(source, output, context));
  });
  return { outputs, finished };
}

/**
 * Runs `body`, which sends into `outputs`, and ends them as it ends. The failure is told to whoever reads or asks; it is no
 * unhandled rejection.
 */
export function feed<T>(outputs: readonly Channel<T>[], body: () => Promise<void>): Promise<void> {
  const finished = body().then(
    () => {
      for (const output of outputs) output.close();
    },
    (error: unknown) => {
      const failure = error instanceof Error ? error : new Error(String(error), { cause: error });
      for (const output of outputs) output.fail(failure);
      throw error;
    },
  );
  finished.catch(() => {});
  return finished;
}

async function pump<T>(source: ReceiveChannel<T>, target: SendChannel<T>, context: Context): Promise<void> {
  for await (const value of source.values(context)) await target.send(value, context);
}

function inGroup<T>(
  outputs: readonly Channel<T>[],
  cancellation: Cancellation,
  start: (group: TaskGroup) => void,
): Promise<void> {
  return feed(outputs, async () => {
    const group = new TaskGroup(contextOf(cancellation));
    start(group);
    await group.wait();
  });
}

function checkCount(what: string, count: number): void {
  if (!Number.isInteger(count) || count < 1) {
    throw new InvalidArgumentError(`a number of ${what} is a whole number, 1 or more, not ${count}`);
  }
}
