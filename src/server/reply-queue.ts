import { assert } from "../platform/index.ts";
import type { ServedCommand } from "./served-command.ts";

/**
 * Puts the replies of one connection in the order of its commands. Each command takes a ticket, the next number; each
 * ticket is settled once, at any time, with the text that is to be sent. What is settled in order goes straight
 * to `output`; what is early waits in a ring.
 *
 * ```
 *            head                next
 *   … settled │ open early open │ not taken yet
 * ```
 */
export class ReplyQueue {
  /** Text in order, ready to be sent. */
  output = "";
  /** The oldest ticket that is not settled; all before it are in `output` or sent. */
  head = 0;
  /** The ticket that is taken next. */
  next = 0;
  /** Bytes of text that waits for an earlier ticket. */
  earlyBytes = 0;

  #mask = 3;
  #texts: (string | undefined)[] = [undefined, undefined, undefined, undefined];
  #commands: (ServedCommand | undefined)[] = [undefined, undefined, undefined, undefined];
  #startedMs = new Float64Array(4);

  /** Tickets that are taken and not sent on. */
  get openCount(): number {
    return this.next - this.head;
  }

  take(command: ServedCommand | undefined, startedMs: number): number {
    if (this.next - this.head > this.#mask) this.#grow();
    const ticket = this.next++;
    const place = ticket & this.#mask;
    this.#commands[place] = command;
    this.#startedMs[place] = startedMs;
    return ticket;
  }

  /** True while the ticket waits for its reply. */
  isOpen(ticket: number): boolean {
    return ticket >= this.head && ticket < this.next && this.#texts[ticket & this.#mask] === undefined;
  }

  /** Of an open ticket. */
  commandOf(ticket: number): ServedCommand | undefined {
    return this.#commands[ticket & this.#mask];
  }

  /** Of an open ticket. */
  startedMsOf(ticket: number): number {
    return this.#startedMs[ticket & this.#mask] as number;
  }

  /** Answers an open ticket. */
  settle(ticket: number, text: string): void {
    assert(this.isOpen(ticket), "a ticket is settled once");
    if (ticket !== this.head) {
      this.#texts[ticket & this.#mask] = text;
      this.earlyBytes += text.length;
      return;
    }
    this.output += text;
    this.head++;
    if (this.head < this.next) this.#advance();
  }

  /** What is to be sent now; it is the caller's. */
  takeOutput(): string {
    const output = this.output;
    this.output = "";
    return output;
  }

  #advance(): void {
    for (; this.head < this.next; this.head++) {
      const place = this.head & this.#mask;
      const text = this.#texts[place];
      if (text === undefined) return;
      this.output += text;
      this.earlyBytes -= text.length;
      this.#texts[place] = undefined;
    }
  }

  #grow(): void {
    const size = (this.#mask + 1) * 2;
    const texts: (string | undefined)[] = new Array(size).fill(undefined);
    const commands: (ServedCommand | undefined)[] = new Array(size).fill(undefined);
    const startedMs = new Float64Array(size);
    for (let ticket = this.head; ticket < this.next; ticket++) {
      const from = ticket & this.#mask;
      const to = ticket & (size - 1);
      texts[to] = this.#texts[from];
      commands[to] = this.#commands[from];
      startedMs[to] = this.#startedMs[from] as number;
    }
    this.#mask = size - 1;
    this.#texts = texts;
    this.#commands = commands;
    this.#startedMs = startedMs;
  }
}
