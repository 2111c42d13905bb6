import { background, type Cancellation, contextOf } from "../channels/index.ts";
import { type DatagramNetwork, NetworkError, type SocketAddress } from "../platform/index.ts";
import { addressFrom } from "./address.ts";
import { AddressUnavailableError, ConnectFailedError } from "./connection-errors.ts";
import { machine } from "./machine.ts";
import { UdpSocket } from "./udp-socket.ts";

/** Of {@link listenUdp} and {@link dialUdp}. */
export interface UdpOptions {
  /** Ends the opening of the socket, nothing later. Default: `background()`. */
  readonly context?: Cancellation;
  /** Default: the machine's own. A simulated one loses, doubles and delays as it is told. */
  readonly network?: DatagramNetwork;
  /** Datagrams that wait to be received; those that come beyond are dropped and counted. Default 1,024. */
  readonly pendingDatagramsMax?: number;
  /** Datagrams on their way to the operating system; a send beyond them waits. Default 256. */
  readonly pendingSendsMax?: number;
  /** What the system says later of datagrams that were sent ("ECONNREFUSED": nobody listens there). Default: unheard. */
  readonly onError?: (error: NetworkError) => void;
}

const pendingDatagramsMaxDefault = 1_024;
const pendingSendsMaxDefault = 256;

/**
 * Receives datagrams at `address`; port 0 takes any free one, without a host every IPv4 interface is meant.
 *
 * ```ts
 * await using socket = await listenUdp("127.0.0.1:8081");
 * for await (const { bytes, from } of socket) await socket.sendTo(bytes, from);
 * ```
 * @throws InvalidAddressError (INVALID_ADDRESS), AddressUnavailableError (ADDRESS_UNAVAILABLE); CancelledError,
 * DeadlineExceededError when the context ends first.
 */
export async function listenUdp(address: string | SocketAddress, options: UdpOptions = {}): Promise<UdpSocket> {
  const where = addressFrom(address);
  try {
    return await bind(where, undefined, options);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw new AddressUnavailableError(where, error.code, { cause: error });
  }
}

/**
 * A socket at a free port that sends to `address` and hears from it alone; without a host, this machine. Nothing is
 * sent by dialling: it succeeds also where nobody listens.
 * @throws InvalidAddressError (INVALID_ADDRESS), ConnectFailedError (CONNECT_FAILED); CancelledError,
 * DeadlineExceededError when the context ends first.
 */
export async function dialUdp(address: string | SocketAddress, options: UdpOptions = {}): Promise<UdpSocket> {
  const { host, port } = addressFrom(address);
  const where = { host: host === "" ? "localhost" : host, port };
  try {
    return await bind({ host: "", port: 0 }, where, options);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw new ConnectFailedError(where, error.code, { cause: error });
  }
}

async function bind(
  address: SocketAddress,
  remote: SocketAddress | undefined,
  options: UdpOptions,
): Promise<UdpSocket> {
  const { onError = () => {} } = options;
  const context = options.context === undefined ? background() : contextOf(options.context);
  context.throwIfDone();
  const socket = new UdpSocket({
    runtime: context.runtime,
    pendingDatagramsMax: options.pendingDatagramsMax ?? pendingDatagramsMaxDefault,
    pendingSendsMax: options.pendingSendsMax ?? pendingSendsMaxDefault,
  });
  const network = options.network ?? machine().datagrams;
  socket.bound(await network.bind(address, { onMessage: socket.onMessage, onError }, remote));
  if (context.isDone) await socket.close();
  context.throwIfDone();
  return socket;
}
