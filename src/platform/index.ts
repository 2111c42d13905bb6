export { AssertionFailure, assert, unreachable } from "./assert.ts";
export type { Clock, Timer } from "./clock.ts";
export {
  type DatagramHandlers,
  type DatagramNetwork,
  type DatagramSent,
  type DatagramSocket,
  datagramBytesMax,
} from "./datagram.ts";
export { type Disk, type DiskCallback, DiskError, type DiskFile, type DiskLock } from "./disk.ts";
export { CoterieError, type Outcome } from "./error.ts";
export { type Logger, type LogLevel, type LogValue, silentLogger } from "./logger.ts";
export { isLoopback } from "./loopback.ts";
export { type MarkName, mark, markNames, watchMarks } from "./mark.ts";
export { afterMicrotasks } from "./microtasks.ts";
export {
  formatAddress,
  isUnixPath,
  type Network,
  NetworkError,
  type SocketAddress,
  type StreamHandlers,
  type StreamListener,
  type StreamSocket,
  type UnixAddress,
  unixPathBytesMax,
} from "./network.ts";
export { AsyncLabel, examineAtIdle, isDevelopment } from "./node-development.ts";
export { createNodePlatform, type NodePlatformOptions } from "./node-platform.ts";
export type { Exit } from "./node-process.ts";
export { movablesIn, NodeWorkers, threadHost } from "./node-workers.ts";
export type { Platform, Process } from "./platform.ts";
export { type Random, randomFloat, randomInteger } from "./random.ts";
export type { Movable, ThreadHost, ThreadPort, WorkerHandlers, Workers, WorkerThread } from "./workers.ts";
