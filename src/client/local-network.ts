import type {
  Network,
  NetworkError,
  SocketAddress,
  StreamHandlers,
  StreamListener,
  StreamSocket,
} from "../platform/index.ts";
import { LocalSocket } from "./local-socket.ts";

/**
 * The network as the server of an embedded store sees it. It hands over connections from within the process
 * (`open`), and listens on a real port only where `outer` is given.
 */
export class LocalNetwork implements Network {
  readonly #outer: Network | undefined;
  #onConnection: ((socket: StreamSocket) => void) | undefined;

  constructor(outer: Network | undefined) {
    this.#outer = outer;
  }

  async listen(
    address: SocketAddress,
    onConnection: (socket: StreamSocket) => void,
    onError?: (error: NetworkError) => void,
  ): Promise<StreamListener> {
    const listener = await this.#outer?.listen(address, onConnection, onError);
    this.#onConnection = onConnection;
    const close = async (): Promise<void> => {
      this.#onConnection = undefined;
      await listener?.close();
    };
    return { address: listener?.address ?? address, close };
  }

  /** There is nobody to connect to but through `open`. */
  connect(_address: SocketAddress, handlers: StreamHandlers): StreamSocket {
    const [socket, nobody] = LocalSocket.pair();
    socket.handle(handlers);
    nobody.destroy();
    return socket;
  }

  /** A connection to who listens; undefined if nobody does (any more). */
  open(handlers: StreamHandlers): StreamSocket | undefined {
    if (this.#onConnection === undefined) return undefined;
    const [near, far] = LocalSocket.pair();
    near.handle(handlers);
    this.#onConnection(far);
    return near;
  }
}
