import { expect } from "vitest";
import type { Node } from "../../src/cluster/index.ts";
import { commandTable } from "../../src/keyspace/index.ts";
import { Arguments, encodeReply } from "../../src/resp/index.ts";

/** One client of a node, as the server's connections are. Replies are RESP3. */
export class Client {
  /** By ticket; undefined as long as there is none. */
  readonly replies: (string | undefined)[] = [];
  readonly failures: string[] = [];
  readonly stream: ReturnType<Node["openStream"]>;
  resumedCount = 0;
  /** It does not take its replies. */
  isBehind = false;

  constructor(node: Node) {
    const isBehind = (): boolean => this.isBehind;
    this.stream = node.openStream({
      get isBehind() {
        return isBehind();
      },
      reply: (ticket, reply) => {
        expect(this.replies[ticket], `a second reply to ticket ${ticket}`).toBeUndefined();
        this.replies[ticket] = encodeReply(reply, 3);
        this.#answeredCount++;
      },
      fail: (reason) => this.failures.push(reason),
      resumed: () => {
        this.resumedCount++;
      },
    });
  }

  /** Returns the ticket. */
  send(...words: string[]): number {
    const args = Arguments.of(words);
    const spec = commandTable.resolve(args);
    if (spec === undefined) throw new Error(`no such command: ${words}`);
    const ticket = this.#ticket++;
    this.stream.submit(ticket, spec, args, 3);
    // Whatever is still needed has been copied.
    args.bytes.fill(0x21);
    return ticket;
  }

  wait(replicaCount: number, timeoutMs: number): number {
    const ticket = this.#ticket++;
    this.stream.wait(ticket, replicaCount, timeoutMs);
    return ticket;
  }

  get sentCount(): number {
    return this.#ticket;
  }

  /** Whether every command has been answered. */
  get isAnswered(): boolean {
    return this.#answeredCount === this.#ticket;
  }

  #ticket = 0;
  #answeredCount = 0;
}

/** As it is sent in RESP3. */
export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export const okReply = "+OK\r\n";
