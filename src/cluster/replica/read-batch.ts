import type { CommandSpec, KeysAhead, Keyspace } from "../../keyspace/index.ts";
import type { LogIndex } from "../../raft/index.ts";
import type { Arguments } from "../../resp/index.ts";
import { CommandBuffer } from "./command-buffer.ts";
import type { Lane } from "./lane.ts";

/** Reads in the order in which they came, as arrays side by side: a read costs no object. */
export class ReadBatch {
  /** Undefined where a read has been taken out. */
  readonly lanes: (Lane | undefined)[] = [];
  readonly tickets: number[] = [];
  readonly specs: CommandSpec<Keyspace>[] = [];
  /** Monotonic time of the first. */
  openedMs = 0;
  /** None of them is served before this index is applied: it holds a write of one of their lanes. */
  minimumIndex: LogIndex = 0;

  get length(): number {
    return this.lanes.length;
  }

  get byteLength(): number {
    return this.#words.byteLength;
  }

  add(lane: Lane, ticket: number, spec: CommandSpec<Keyspace>, args: Arguments): void {
    this.lanes.push(lane);
    this.tickets.push(ticket);
    this.specs.push(spec);
    this.#offsets.push(this.#words.add(args));
  }

  /** Points `args` at the words of read `at`. */
  open(at: number, args: Arguments): void {
    this.#words.open(this.#offsets[at] as number, args);
  }

  /** Gives `keys` the second words of the reads from `at` on, as many as fit. Valid until the next `add` or `clear`. */
  readAhead(at: number, keys: KeysAhead, args: Arguments): void {
    this.open(at, args);
    keys.begin(args.bytes);
    for (let next = at; next < this.length && !keys.isFull; next++) {
      this.open(next, args);
      if (args.count > 1) keys.push(args.starts[1] as number, args.ends[1] as number);
    }
  }

  clear(): void {
    this.lanes.length = 0;
    this.tickets.length = 0;
    this.specs.length = 0;
    this.#offsets.length = 0;
    this.#words.clear();
    this.minimumIndex = 0;
  }

  readonly #offsets: number[] = [];
  readonly #words: CommandBuffer = new CommandBuffer();
}
