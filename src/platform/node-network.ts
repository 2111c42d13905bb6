import { createServer, type Server, type Socket } from "node:net";
import type { Network, NetworkError, SocketAddress, StreamHandlers, StreamListener, StreamSocket } from "./network.ts";
import { NodeSocket, toNetworkError } from "./node-socket.ts";

/** Connections that may wait to be accepted; the system may allow fewer (Linux: `net.core.somaxconn`). */
const backlogConnectionsMax = 8192;
/** Redis' default: a client whose machine has vanished is noticed after five idle minutes and some probes. */
const keepAliveDelayMs = 300_000;
const receiveBufferBytes = 64 * 1024;

/** TCP over `node:net`. All sockets receive into one buffer, since each hands its bytes on before the next reads. */
export class NodeNetwork implements Network {
  readonly #receiveBuffer = Buffer.allocUnsafeSlow(receiveBufferBytes);

  listen(
    address: SocketAddress,
    onConnection: (socket: StreamSocket) => void,
    onError?: (error: NetworkError) => void,
  ): Promise<StreamListener> {
    const { host, port } = address;
    const options = {
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveDelayMs,
    };
    return new Promise((resolve, reject) => {
      const server = createServer(options, (raw) => this.#accept(raw, onConnection));
      const refuse = (error: Error): void => reject(toNetworkError(error, `listen ${host}:${port}`));
      server.once("error", refuse);
      server.listen({ host, port, backlog: backlogConnectionsMax, exclusive: true }, () => {
        server.off("error", refuse);
        server.on("error", (error) => onError?.(toNetworkError(error, `accept ${host}:${port}`)));
        resolve(new NodeListener(server, address));
      });
    });
  }

  connect(address: SocketAddress, handlers: StreamHandlers): StreamSocket {
    return NodeSocket.connect(address, handlers, this.#receiveBuffer);
  }

  #accept(raw: Socket, onConnection: (socket: StreamSocket) => void): void {
    const socket = NodeSocket.accept(raw, this.#receiveBuffer);
    // It may be gone already.
    if (socket === undefined) return;
    onConnection(socket);
    socket.start();
  }
}

class NodeListener implements StreamListener {
  readonly address: SocketAddress;
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  constructor(server: Server, asked: SocketAddress) {
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : asked.port;
    this.address = { host: asked.host, port };
    this.#server = server;
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#server.close();
      // The port is free at once; the server's own callback would wait for every socket that it ever accepted.
      setImmediate(resolve);
    });
    return this.#closing;
  }
}
