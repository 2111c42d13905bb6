import { background, type Context } from "../channels/index.ts";
import { createNodePlatform, type Network, NetworkError, type SocketAddress } from "../platform/index.ts";
import { addressFrom } from "./address.ts";
import { AddressUnavailableError, ConnectFailedError } from "./connection-errors.ts";
import { TcpConnection, type TcpConnectionOptions } from "./tcp-connection.ts";
import { TcpListener } from "./tcp-listener.ts";

export interface TcpOptions {
  /** Ends the dialling or the start of listening, nothing later; its clock counts. Default: `background()`. */
  readonly context?: Context;
  /** Default: the machine's own. A simulated one makes the program run under a virtual clock, with faults. */
  readonly network?: Network;
  /** Received and not read yet; at this many bytes the other side is made to wait. Default 64 KiB. */
  readonly readBufferBytesMax?: number;
  /** How long a connection's `close` waits for the other side's end. Default 10,000. */
  readonly closeWaitMs?: number;
}

export interface TcpListenOptions extends TcpOptions {
  /** Connections that wait to be accepted; those beyond are refused. Default 128. */
  readonly pendingConnectionsMax?: number;
  /** Hears of connections that the system could not hand over ("EMFILE": no file descriptors are left). */
  readonly onAcceptError?: (error: NetworkError) => void;
}

const readBufferBytesMaxDefault = 64 * 1024;
const closeWaitMsDefault = 10_000;
const pendingConnectionsMaxDefault = 128;

/**
 * Listens at `address` (`":8080"`, `"127.0.0.1:0"`, `"[::1]:8080"`); port 0 takes any free one.
 *
 * ```ts
 * await using listener = await listenTcp(":8080");
 * for await (const connection of listener) go(() => serve(connection));
 * ```
 * @throws InvalidAddressError (INVALID_ADDRESS), AddressUnavailableError (ADDRESS_UNAVAILABLE)
 */
export async function listenTcp(address: string | SocketAddress, options: TcpListenOptions = {}): Promise<TcpListener> {
  const where = addressFrom(address);
  const { context = background() } = options;
  const connectionOptions = connectionOptionsOf(options, context);
  context.throwIfDone();
  const { pendingConnectionsMax = pendingConnectionsMaxDefault, onAcceptError } = options;
  const listener = new TcpListener({ ...connectionOptions, pendingConnectionsMax });
  try {
    const network = options.network ?? nodeNetwork();
    listener.listening(await network.listen(where, (socket) => listener.offer(socket), onAcceptError));
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw new AddressUnavailableError(where, error.code, { cause: error });
  }
  if (context.isDone) await listener.close();
  context.throwIfDone();
  return listener;
}

/**
 * Connects to `address`; without a host, to this machine.
 * @throws InvalidAddressError (INVALID_ADDRESS), ConnectFailedError (CONNECT_FAILED); CancelledError,
 * DeadlineExceededError when the context ends first.
 */
export async function dialTcp(address: string | SocketAddress, options: TcpOptions = {}): Promise<TcpConnection> {
  const { host, port } = addressFrom(address);
  const where = { host: host === "" ? "localhost" : host, port };
  const { context = background() } = options;
  const connectionOptions = connectionOptionsOf(options, context);
  context.throwIfDone();
  const network = options.network ?? nodeNetwork();
  return new Promise((resolve, reject) => {
    const connection: TcpConnection = new TcpConnection(
      (handlers) => network.connect(where, handlers),
      connectionOptions,
      {
        onOpen: () => {
          leave();
          resolve(connection);
        },
        onClose: (error) => {
          leave();
          // Nobody hears it if the connection was open.
          reject(new ConnectFailedError(where, error?.code ?? "ECONNABORTED", { cause: error }));
        },
      },
    );
    const leave = context.onEnd((error) => {
      connection.destroy();
      reject(error);
    });
  });
}

function connectionOptionsOf(options: TcpOptions, context: Context): TcpConnectionOptions {
  return {
    runtime: context.runtime,
    readBufferBytesMax: options.readBufferBytesMax ?? readBufferBytesMaxDefault,
    closeWaitMs: options.closeWaitMs ?? closeWaitMsDefault,
  };
}

let shared: Network | undefined;

/** The machine's network, made when first asked for. */
function nodeNetwork(): Network {
  shared ??= createNodePlatform().network;
  return shared;
}
