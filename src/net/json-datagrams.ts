import { type Cancellation, type Closed, closed } from "../channels/index.ts";
import type { SocketAddress } from "../platform/index.ts";
import { iterate } from "./iterate.ts";
import { anything, decodeJson, encodeJson, type JsonOptions } from "./json-message.ts";
import { MessageError } from "./message-errors.ts";
import type { Datagram, UdpSocket } from "./udp-socket.ts";

/** One message, and who sent it. */
export interface ReceivedMessage<T> {
  readonly message: T;
  readonly from: SocketAddress;
}

/** What messages may be, and what becomes of bad ones. */
export interface JsonDatagramsSettings {
  /** Of one message. Default 65,507, which is all that a datagram carries. */
  readonly bytesMax?: number;
  /** Arrays and objects within each other. Default 64. */
  readonly depthMax?: number;
  /**
   * Hears of datagrams that are no messages, which are skipped then. Default: nobody; they are skipped all the same,
   * since anybody can send anything to a port.
   */
  readonly onInvalid?: (error: MessageError, from: SocketAddress) => void;
}

/** The settings, and what messages must be. */
export interface JsonDatagramsOptions<T> extends JsonDatagramsSettings, JsonOptions<T> {}

const bytesMaxDefault = 65_507;

/**
 * JSON messages over UDP, one a datagram. They may be lost, doubled and overtake each other, as datagrams do. The socket
 * stays its owner's, who closes it.
 */
export class JsonDatagrams<T> implements AsyncIterable<ReceivedMessage<T>> {
  readonly socket: UdpSocket;
  readonly #options: JsonDatagramsOptions<T> & { readonly bytesMax: number };
  #invalidCount = 0;

  constructor(socket: UdpSocket, options: JsonDatagramsOptions<T>) {
    this.socket = socket;
    this.#options = { ...options, bytesMax: options.bytesMax ?? bytesMaxDefault };
  }

  /** Messages that are `unknown`. */
  static untyped(socket: UdpSocket, settings: JsonDatagramsSettings = {}): JsonDatagrams<unknown> {
    return new JsonDatagrams(socket, { ...settings, schema: anything });
  }

  /** Datagrams that were skipped because they are no messages. */
  get invalidCount(): number {
    return this.#invalidCount;
  }

  /**
   * The next message, {@link closed} when the socket is closed.
   * @throws CancelledError, DeadlineExceededError when `cancellation` ends first; no message is lost by that.
   */
  async receive(cancellation?: Cancellation): Promise<ReceivedMessage<T> | Closed> {
    for (;;) {
      const next = this.socket.receive(cancellation);
      const datagram = next instanceof Promise ? await next : next;
      if (datagram === closed) return closed;
      const received = await this.#read(datagram);
      if (received !== undefined) return received;
    }
  }

  /** As the socket's `send`. @throws what that does; MessageTooLargeError, InvalidArgumentError for what is no JSON. */
  async send(value: unknown, cancellation?: Cancellation): Promise<void> {
    await this.socket.send(encodeJson(value, this.#options.bytesMax), cancellation);
  }

  /** As the socket's `sendTo`. @throws what {@link send} does; InvalidAddressError (INVALID_ADDRESS). */
  async sendTo(value: unknown, to: string | SocketAddress, cancellation?: Cancellation): Promise<void> {
    await this.socket.sendTo(encodeJson(value, this.#options.bytesMax), to, cancellation);
  }

  /** Yields messages until the socket is closed. */
  [Symbol.asyncIterator](): AsyncIterator<ReceivedMessage<T>, undefined> {
    return iterate(() => this.receive());
  }

  async #read({ bytes, from }: Datagram): Promise<ReceivedMessage<T> | undefined> {
    try {
      return { message: await decodeJson(bytes, this.#options), from };
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      this.#invalidCount++;
      this.#options.onInvalid?.(error, from);
      return undefined;
    }
  }
}
