import { background, type Cancellation, type Context, contextOf } from "../channels/index.ts";
import { type Network, NetworkError } from "../platform/index.ts";
import { Connection, type ConnectionOptions, type StreamAddress } from "./connection.ts";
import { AddressUnavailableError, ConnectFailedError } from "./connection-errors.ts";
import { Listener } from "./listener.ts";

/** What dialling and listening have in common, over TCP and over Unix sockets. */
export interface StreamOptions<A> {
  /**
   * Ends the dialling or the start of listening, nothing later. A context's clock is what connections measure time with.
   * Default: `background()`.
   */
  readonly context?: Cancellation;
  /** Default: the machine's own. A simulated one makes the program run under a virtual clock, with faults. */
  readonly network?: Network<A>;
  /** Received and not read yet; at this many bytes the other side is made to wait. Default 64 KiB. */
  readonly readBufferBytesMax?: number;
  /** How long a connection's `close` waits for the other side's end. Default 10,000. */
  readonly closeWaitMs?: number;
}

/** The same, and what concerns listening alone. */
export interface StreamListenOptions<A> extends StreamOptions<A> {
  /** Connections that wait to be accepted; those beyond are refused. Default 128. */
  readonly pendingConnectionsMax?: number;
  /** Hears of connections that the system could not hand over ("EMFILE": no file descriptors are left). */
  readonly onAcceptError?: (error: NetworkError) => void;
}

const readBufferBytesMaxDefault = 64 * 1024;
const closeWaitMsDefault = 10_000;
const pendingConnectionsMaxDefault = 128;

/** Where to listen, or what to connect to. */
interface Place<A> {
  readonly network: Network<A>;
  readonly address: A;
}

/** @throws AddressUnavailableError (ADDRESS_UNAVAILABLE); CancelledError, DeadlineExceededError. */
export async function listenOn<A extends StreamAddress>(
  { network, address }: Place<A>,
  options: StreamListenOptions<A>,
): Promise<Listener<A>> {
  const context = contextFrom(options.context);
  context.throwIfDone();
  const { pendingConnectionsMax = pendingConnectionsMaxDefault, onAcceptError } = options;
  const listener = new Listener<A>({ ...connectionOptionsOf(options, context), pendingConnectionsMax });
  try {
    listener.listening(await network.listen(address, (socket) => listener.offer(socket), onAcceptError));
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw new AddressUnavailableError(address, error.code, { cause: error });
  }
  if (context.isDone) await listener.close();
  context.throwIfDone();
  return listener;
}

/** @throws ConnectFailedError (CONNECT_FAILED); CancelledError, DeadlineExceededError when the context ends first. */
export async function dialTo<A extends StreamAddress>(
  { network, address }: Place<A>,
  options: StreamOptions<A>,
): Promise<Connection<A>> {
  const context = contextFrom(options.context);
  context.throwIfDone();
  return new Promise((resolve, reject) => {
    const connection: Connection<A> = new Connection(
      (handlers) => network.connect(address, handlers),
      connectionOptionsOf(options, context),
      {
        onOpen: () => {
          leave();
          resolve(connection);
        },
        onClose: (error) => {
          leave();
          // Nobody hears it if the connection was open.
          reject(new ConnectFailedError(address, error?.code ?? "ECONNABORTED", { cause: error }));
        },
      },
    );
    const leave = context.onEnd((error) => {
      connection.destroy();
      reject(error);
    });
  });
}

function contextFrom(cancellation: Cancellation | undefined): Context {
  return cancellation === undefined ? background() : contextOf(cancellation);
}

function connectionOptionsOf<A>(options: StreamOptions<A>, context: Context): ConnectionOptions {
  return {
    runtime: context.runtime,
    readBufferBytesMax: options.readBufferBytesMax ?? readBufferBytesMaxDefault,
    closeWaitMs: options.closeWaitMs ?? closeWaitMsDefault,
  };
}
