import { createServer, type ListenOptions, type Server } from "node:net";
import {
  formatAddress,
  isUnixPath,
  type Network,
  NetworkError,
  type SocketAddress,
  type StreamHandlers,
  type StreamListener,
  type StreamSocket,
  type UnixAddress,
} from "./network.ts";
import { NodeSocket, toNetworkError } from "./node-socket.ts";

/** Connections that may wait to be accepted; the system may allow fewer (Linux: `net.core.somaxconn`). */
const backlogConnectionsMax = 8192;
/** Redis' default: a client whose machine has vanished is noticed after five idle minutes and some probes. */
const keepAliveDelayMs = 300_000;
const receiveBufferBytes = 64 * 1024;

/** All sockets receive into one buffer, since each hands its bytes on before the next reads. */
const receiveBuffer = Buffer.allocUnsafeSlow(receiveBufferBytes);

/** TCP over `node:net`. */
export class NodeNetwork implements Network {
  async listen(
    address: SocketAddress,
    onConnection: (socket: StreamSocket) => void,
    onError?: (error: NetworkError) => void,
  ): Promise<StreamListener> {
    const server = createServer(
      { ...acceptOptions, noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveDelayMs },
      (raw) => start(NodeSocket.accept(raw, receiveBuffer), onConnection),
    );
    await listening(server, { address, options: { host: address.host, port: address.port, exclusive: true }, onError });
    const bound = server.address();
    const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
    return new NodeListener(server, { host: address.host, port });
  }

  connect(address: SocketAddress, handlers: StreamHandlers): StreamSocket {
    return NodeSocket.connect(address, handlers, receiveBuffer);
  }
}

/** Unix sockets over `node:net`. */
export class NodeUnixNetwork implements Network<UnixAddress> {
  async listen(
    address: UnixAddress,
    onConnection: (socket: StreamSocket<UnixAddress>) => void,
    onError?: (error: NetworkError) => void,
  ): Promise<StreamListener<UnixAddress>> {
    const { path } = address;
    if (!isUnixPath(path)) throw new NetworkError("EINVAL", `listen ${formatAddress(address)}: EINVAL`);
    const server = createServer(acceptOptions, (raw) =>
      start(NodeSocket.acceptUnix(raw, address, receiveBuffer), onConnection),
    );
    await listening(server, { address, options: { path }, onError });
    return new NodeListener(server, address);
  }

  connect(address: UnixAddress, handlers: StreamHandlers): StreamSocket<UnixAddress> {
    return NodeSocket.connectUnix(address, handlers, receiveBuffer);
  }
}

const acceptOptions = { allowHalfOpen: true, pauseOnConnect: true };

interface Listening {
  readonly address: SocketAddress | UnixAddress;
  readonly options: ListenOptions;
  readonly onError: ((error: NetworkError) => void) | undefined;
}

function listening(server: Server, { address, options, onError }: Listening): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: Error): void => reject(toNetworkError(error, `listen ${formatAddress(address)}`));
    server.once("error", refuse);
    server.listen({ ...options, backlog: backlogConnectionsMax }, () => {
      server.off("error", refuse);
      server.on("error", (error) => onError?.(toNetworkError(error, `accept ${formatAddress(address)}`)));
      resolve();
    });
  });
}

/** Undefined for a connection that is gone already. */
function start<A extends SocketAddress | UnixAddress>(
  socket: NodeSocket<A> | undefined,
  onConnection: (socket: StreamSocket<A>) => void,
): void {
  if (socket === undefined) return;
  onConnection(socket);
  socket.start();
}

class NodeListener<A> implements StreamListener<A> {
  readonly address: A;
  readonly #server: Server;
  #closing: Promise<void> | undefined;

  constructor(server: Server, address: A) {
    this.address = address;
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
