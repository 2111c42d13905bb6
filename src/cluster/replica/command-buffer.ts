import type { Arguments } from "../../resp/index.ts";
import { openWords, packedBytes, packInto } from "./words.ts";

const firstCapacity = 1_024;
const noBytes: Buffer = Buffer.alloc(0);
/** A buffer that a burst has made larger than this is not kept. */
const keptCapacityMax = 1_048_576;

/** Words of many commands, one behind the other in one buffer that is used again and again. */
export class CommandBuffer {
  /** Bytes in use. */
  get byteLength(): number {
    return this.#end;
  }

  /** Copies the words of `args` and returns where they are. */
  add(args: Arguments): number {
    const from = this.#end;
    const neededBytes = from + packedBytes(args);
    if (neededBytes > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(neededBytes, this.#bytes.length * 2, firstCapacity));
      this.#bytes.copy(grown, 0, 0, from);
      this.#bytes = grown;
    }
    this.#end = packInto(this.#bytes, from, args);
    return from;
  }

  /** Points `args` at the words that `add` put there. Valid until the next `add` or `clear`. */
  open(at: number, args: Arguments): void {
    openWords(this.#bytes, at, args);
  }

  clear(): void {
    this.#end = 0;
    if (this.#bytes.length > keptCapacityMax) this.#bytes = noBytes;
  }

  #bytes: Buffer = noBytes;
  #end = 0;
}
