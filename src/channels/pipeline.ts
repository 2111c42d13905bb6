import { Channel, type ReceiveChannel, type SendChannel } from "./channel.ts";
import { closed } from "./closed.ts";
import { background, type Context } from "./context.ts";
import { InvalidArgumentError } from "./errors.ts";
import { TaskGroup } from "./task-group.ts";

/**
 * A stage of a pipeline: the channel that it yields into, and how it ended. `output` is closed when the stage ends;
 * `finished` then says whether it ended well. Whoever reads `output` to its end should await `finished`.
 */
export interface Stage<T> {
  readonly output: ReceiveChannel<T>;
  /** Rejects with the error of the first part that failed, or the context's. */
  readonly finished: Promise<void>;
}

/** All values of all `sources`, each source's in its order. */
export function merge<T>(sources: readonly ReceiveChannel<T>[], context: Context = background()): Stage<T> {
  return stage(context, async (group, output) => {
    for (const source of sources) await group.go((inner) => pump(source, output, inner));
  });
}

/**
 * `transform` of each value, by `workerCount` goroutines that share the source. The order is kept only with one worker.
 * The first failure ends the stage.
 */
export function mapConcurrently<T, U>(
  source: ReceiveChannel<T>,
  options: { readonly workerCount: number },
  transform: (value: T, context: Context) => U | Promise<U>,
  context: Context = background(),
): Stage<U> {
  const { workerCount } = options;
  if (!Number.isInteger(workerCount) || workerCount < 1) {
    throw new InvalidArgumentError(`a number of workers is a whole number, 1 or more, not ${workerCount}`);
  }
  return stage(context, async (group, output) => {
    for (let worker = 0; worker < workerCount; worker++) {
      await group.go(async (inner) => {
        for (let value = await source.receive(inner); value !== closed; value = await source.receive(inner)) {
          await output.send(await transform(value as T, inner), inner);
        }
      });
    }
  });
}

/** Deals the values of `source` out to `count` channels: each value goes to whichever has a receiver first. */
export function fanOut<T>(
  source: ReceiveChannel<T>,
  count: number,
  context: Context = background(),
): { readonly outputs: readonly ReceiveChannel<T>[]; readonly finished: Promise<void> } {
  if (!Number.isInteger(count) || count < 1) {
    throw new InvalidArgumentError(`a number of outputs is a whole number, 1 or more, not ${count}`);
  }
  const outputs = Array.from({ length: count }, () => new Channel<T>());
  const finished = inGroup(context, async (group) => {
    for (const output of outputs) await group.go((inner) => pump(source, output, inner));
  }).finally(() => {
    for (const output of outputs) output.close();
  });
  return { outputs, finished: quietly(finished) };
}

async function pump<T>(source: ReceiveChannel<T>, target: SendChannel<T>, context: Context): Promise<void> {
  for (let value = await source.receive(context); value !== closed; value = await source.receive(context)) {
    await target.send(value as T, context);
  }
}

function stage<T>(context: Context, start: (group: TaskGroup, output: Channel<T>) => Promise<void>): Stage<T> {
  const output = new Channel<T>();
  const finished = inGroup(context, (group) => start(group, output)).finally(() => output.close());
  return { output, finished: quietly(finished) };
}

async function inGroup(context: Context, start: (group: TaskGroup) => Promise<void>): Promise<void> {
  const group = new TaskGroup(context);
  await start(group);
  await group.wait();
}

/** A failure is told to those who ask; it is no unhandled rejection for those who only read the output. */
function quietly(finished: Promise<void>): Promise<void> {
  finished.catch(() => {});
  return finished;
}
