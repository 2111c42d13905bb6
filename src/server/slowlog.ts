import type { Arguments } from "../resp/index.ts";
import type { ServerConfig } from "./config.ts";
import type { ServedCommand } from "./served-command.ts";

const wordsMax = 32;
const wordBytesMax = 128;
/** Redis' default threshold. */
const selectiveThresholdUs = 10_000;
const fewWords = 16;
/** However large `slowlog-max-len` is. */
const slowCommandsMax = 100_000;

export interface SlowCommand {
  readonly id: number;
  readonly wallSeconds: number;
  readonly microseconds: number;
  /** At most 32, of at most 128 bytes; what is left out is counted. */
  readonly words: readonly string[];
  readonly address: string;
  readonly clientName: string;
}

/**
 * The last commands that took `slowlog-log-slower-than` microseconds or more, at most `slowlog-max-len` of them. The time
 * is that of the server's own commands themselves; of those over keys, from when they were read to their answer.
 */
export class Slowlog {
  /** A command of this many microseconds or more is kept; infinity if none is. */
  thresholdUs: number = Number.POSITIVE_INFINITY;
  #lengthMax = 0;
  #nextId = 0;
  /** The latest last; those before the last `#lengthMax` are forgotten, and dropped now and then. */
  #commands: SlowCommand[] = [];

  constructor(config: ServerConfig) {
    config.onValue("slowlog-log-slower-than", (value) => {
      this.thresholdUs = Number(value) < 0 ? Number.POSITIVE_INFINITY : Number(value);
    });
    config.onValue("slowlog-max-len", (value) => {
      this.#lengthMax = Math.min(Number(value), slowCommandsMax);
      this.#trim();
    });
  }

  get length(): number {
    return Math.min(this.#commands.length, this.#lengthMax);
  }

  /** The last `count`, the latest first. */
  latest(count: number): readonly SlowCommand[] {
    const shown = Math.min(count, this.length);
    return shown === 0 ? [] : this.#commands.slice(-shown).reverse();
  }

  /**
   * Whether to remember the words of a command that the node is about to run, since nobody has them any more when it is
   * answered. Remembering costs more than most commands do: under a threshold of 10 ms or more only those are
   * remembered that can take so long by themselves, because they look at many keys.
   */
  wantsWordsOf(command: ServedCommand, args: Arguments): boolean {
    if (this.thresholdUs < selectiveThresholdUs) return command.isInSlowlog;
    if (this.thresholdUs === Number.POSITIVE_INFINITY) return false;
    return args.count > fewWords || !(command.isFast || command.isWrite);
  }

  record(command: Omit<SlowCommand, "id">): void {
    if (this.#lengthMax === 0) return;
    this.#commands.push({ ...command, id: this.#nextId++ });
    if (this.#commands.length >= 2 * this.#lengthMax) this.#trim();
  }

  reset(): void {
    this.#commands = [];
  }

  #trim(): void {
    this.#commands = this.#lengthMax === 0 ? [] : this.#commands.slice(-this.#lengthMax);
  }
}

/** The words of a command as the log keeps them. */
export function slowlogWords(args: Arguments, secret: (index: number) => boolean): string[] {
  const count = Math.min(args.count, wordsMax);
  const words: string[] = [];
  for (let index = 0; index < count; index++) {
    if (index === wordsMax - 1 && args.count > wordsMax) {
      words.push(`... (${args.count - wordsMax + 1} more arguments)`);
    } else if (secret(index)) {
      words.push("(redacted)");
    } else {
      const length = args.byteLength(index);
      const start = args.starts[index] as number;
      words.push(
        length <= wordBytesMax
          ? args.text(index)
          : `${args.bytes.latin1Slice(start, start + wordBytesMax)}... (${length - wordBytesMax} more bytes)`,
      );
    }
  }
  return words;
}
