import type { SocketAddress } from "../platform/index.ts";
import { encodeMessage, type Message } from "./message.ts";
import { encodeUpdate, type Rumours } from "./rumours.ts";
import type { Seal } from "./seal.ts";
import type { Update } from "./update.ts";

export interface OutgoingDatagram {
  readonly to: SocketAddress;
  readonly bytes: Buffer;
}

/** What a message without its news takes at most. */
const messageHeadBytesMax = 40;

/** Datagrams that wait to be sent, each filled with as much news as there is room for. */
export class Outbox {
  constructor(options: { readonly seal: Seal; readonly rumours: Rumours; readonly sendsMax: () => number }) {
    this.#seal = options.seal;
    this.#rumours = options.rumours;
    this.#sendsMax = options.sendsMax;
    this.#newsBytesMax = options.seal.bodyBytesMax - messageHeadBytesMax;
  }

  /** `first` goes ahead of all other news. */
  send(message: Message, to: SocketAddress, first?: Update): void {
    const ahead = first === undefined ? [] : [encodeUpdate(first)];
    const left = this.#newsBytesMax - (ahead[0]?.length ?? 0);
    this.#push(message, to, [...ahead, ...this.#rumours.take(left, this.#sendsMax())]);
  }

  /** All of `updates`, in as many datagrams as it takes. */
  sendAll(message: Message, to: SocketAddress, updates: Iterable<Update>): void {
    let page: Buffer[] = [];
    let pageBytes = 0;
    for (const update of updates) {
      const bytes = encodeUpdate(update);
      if (pageBytes + bytes.length > this.#newsBytesMax) {
        this.#push(message, to, page);
        page = [];
        pageBytes = 0;
      }
      page.push(bytes);
      pageBytes += bytes.length;
    }
    if (page.length > 0) this.#push(message, to, page);
  }

  take(): readonly OutgoingDatagram[] {
    const taken = this.#datagrams;
    this.#datagrams = [];
    return taken;
  }

  readonly #seal: Seal;
  readonly #rumours: Rumours;
  readonly #sendsMax: () => number;
  readonly #newsBytesMax: number;
  #datagrams: OutgoingDatagram[] = [];

  #push(message: Message, to: SocketAddress, news: readonly Buffer[]): void {
    this.#datagrams.push({ to, bytes: this.#seal.close(encodeMessage(message, news)) });
  }
}
