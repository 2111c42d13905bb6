/**
 * Writes lines to a file descriptor at once and in order, without ever waiting for whoever reads them: what the system
 * does not take is kept, up to a bound, and tried again later; beyond it lines are dropped and counted.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { errnoOf } from "./directory.ts";

export interface LineSinkOptions {
  /** Writes what it can and returns how many bytes; throws with the code EAGAIN if that is nothing now. */
  write(bytes: Uint8Array): number;
  /** Calls back later, without keeping the process alive. */
  defer(callback: () => void): void;
  /** Waits a little while, blocking; false once it has waited long enough. */
  pause(): boolean;
}

const pendingBytesMax = 1_048_576;

export class LineSink {
  readonly #options: LineSinkOptions;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #droppedCount = 0;
  #isDeferred = false;
  /** Nobody reads any more. */
  #isClosed = false;

  constructor(options: LineSinkOptions) {
    this.#options = options;
  }

  /** `line` with its line end. */
  write(line: string): void {
    if (this.#isClosed) return;
    const bytes = Buffer.from(line, "utf8");
    if (this.#pendingBytes + bytes.length > pendingBytesMax) {
      this.#droppedCount++;
      return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (!this.#isDeferred) this.#drain();
  }

  /** How many lines were dropped since the last call. */
  takeDroppedCount(): number {
    const count = this.#droppedCount;
    this.#droppedCount = 0;
    return count;
  }

  /** For the end of the process: writes what is pending, and waits for the reader a little. */
  flush(): void {
    while (!this.#writeAll()) if (!this.#options.pause()) return;
  }

  #drain(): void {
    if (this.#writeAll()) return;
    this.#isDeferred = true;
    this.#options.defer(() => {
      this.#isDeferred = false;
      this.#drain();
    });
  }

  /** False if something is left that the system does not take now. */
  #writeAll(): boolean {
    for (let bytes = this.#pending[0]; bytes !== undefined; bytes = this.#pending[0]) {
      const written = this.#tryWrite(bytes);
      if (this.#isClosed) return true;
      if (written === undefined) return false;
      this.#pendingBytes -= written;
      if (written < bytes.length) this.#pending[0] = bytes.subarray(written);
      else this.#pending.shift();
    }
    return true;
  }

  #tryWrite(bytes: Buffer): number | undefined {
    try {
      return this.#options.write(bytes);
    } catch (error) {
      if (errnoOf(error) === "EAGAIN") return undefined;
      this.#isClosed = true;
      this.#pending = [];
      return undefined;
    }
  }
}

const retryMs = 50;
const pauseMs = 10;
const pausesMax = 50;

/** A sink for `fileDescriptor`. */
export function openLineSink(fileDescriptor: number): LineSink {
  const own = openNonBlocking(fileDescriptor) ?? fileDescriptor;
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let pauses = 0;
  return new LineSink({
    write: (bytes) => writeSync(own, bytes),
    defer: (callback) => setTimeout(callback, retryMs).unref(),
    pause: () => {
      Atomics.wait(sleeper, 0, 0, pauseMs);
      return ++pauses < pausesMax;
    },
  });
}

/**
 * The same pipe or terminal once more, so that writing never blocks here and others who have it open feel nothing.
 * Undefined where that is not possible (then writing blocks as it does in any program) or not needed (files).
 */
function openNonBlocking(fileDescriptor: number): number | undefined {
  try {
    const stat = fstatSync(fileDescriptor);
    if (process.platform !== "linux" || !(stat.isFIFO() || stat.isCharacterDevice())) return undefined;
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync(`/proc/self/fd/${fileDescriptor}`, O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    return undefined;
  }
}
