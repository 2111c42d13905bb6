export { type Cancellation, contextOf } from "./cancellation.ts";
export { Channel, type ReceiveChannel, type SendChannel } from "./channel.ts";
export { type Closed, closed, type Empty, empty } from "./closed.ts";
export { background, type Cancel, Context, ContextKey, type Runtime } from "./context.ts";
export { describeDeadlock, reportDeadlocks } from "./deadlock.ts";
export {
  CancelledError,
  CloseOfClosedChannelError,
  DeadlineExceededError,
  InvalidArgumentError,
  ParallelClosedError,
  SendOnClosedChannelError,
  UnbalancedError,
  WorkerCrashedError,
} from "./errors.ts";
export { LentReceiver, LentSender, lendReceiver, lendSender } from "./lent-channel.ts";
export { Mutex, RWMutex } from "./mutex.ts";
export { Once } from "./once.ts";
export {
  type FunctionNames,
  type Lendable,
  type LendableArguments,
  type Outcome,
  type ParallelOptions,
  ParallelPool,
  parallel,
} from "./parallel.ts";
export { type FanOut, fanOut, mapConcurrently, merge, type Stage } from "./pipeline.ts";
export { type Rate, RateLimiter, rateLimit } from "./rate-limit.ts";
export { otherwise, type ResultOf, receiving, type SelectCase, select, sending, timeout } from "./select.ts";
export { Semaphore } from "./semaphore.ts";
export { type Goroutine, go, Task, type TaskState } from "./task.ts";
export { TaskGroup } from "./task-group.ts";
export { after, sleep, Ticker } from "./time.ts";
export { WaitGroup } from "./wait-group.ts";
