import { commandTable } from "../keyspace/index.ts";
import {
  CoterieError,
  type Logger,
  NetworkError,
  type Platform,
  type SocketAddress,
  type StreamListener,
  type StreamSocket,
} from "../platform/index.ts";
import { ServerConfig } from "./config.ts";
import { Connection } from "./connection.ts";
import { ServedCommands } from "./served-command.ts";
import type { ServedNode } from "./served-node.ts";
import { serverCommands } from "./server-commands.ts";
import { ServerContext } from "./server-context.ts";
import { type ServerLimits, serverLimitDefaults } from "./server-limits.ts";
import type { ShutdownRequest } from "./shutdown.ts";

const tooManyClients = "-ERR max number of clients reached\r\n";

export interface RedisServerOptions {
  readonly platform: Pick<Platform, "clock" | "network" | "process" | "random">;
  readonly logger: Logger;
  readonly node: ServedNode;
  /** Where to listen, e.g. "127.0.0.1". */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Where clients of Redis Cluster are served, on the same host; 0 takes any free port. By default nowhere. */
  readonly clusterPort?: number | undefined;
  /** What clients must know, as `requirepass`. By default nothing. */
  readonly password?: string;
  readonly limits?: Partial<ServerLimits>;
  /** What `SHUTDOWN` does; without it, it is refused. */
  readonly shutdown?: (request: ShutdownRequest) => void;
}

/** What a server has done, both its ports together. */
export interface ServerFigures {
  /** Connections now. */
  readonly clientCount: number;
  readonly connectionsReceived: number;
  readonly connectionsRejected: number;
  readonly commandsProcessed: number;
  readonly errorReplies: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

/** The server cannot listen where it was told to. */
export class ListenError extends CoterieError {
  readonly code = "LISTEN_FAILED";
  readonly address: SocketAddress;

  constructor(address: SocketAddress, options: { readonly cause: NetworkError }) {
    const { code } = options.cause;
    const cure =
      code === "EADDRINUSE" ? "Something listens there already: choose another port." : "Choose another address.";
    super(`cannot listen on ${address.host}:${address.port}: ${code}. ${cure}`, options);
    this.address = address;
  }
}

/**
 * The Redis ports of a node. On the plain one commands reach their shard's leader by themselves, so that any client can use
 * it; on the cluster port clients of Redis Cluster are told where it is.
 */
export class RedisServer {
  readonly #context: ServerContext;
  readonly #listener: StreamListener;
  readonly #clusterListener: StreamListener | undefined;
  #closing: Promise<void> | undefined;

  private constructor(context: ServerContext, listener: StreamListener, clusterListener: StreamListener | undefined) {
    this.#context = context;
    this.#listener = listener;
    this.#clusterListener = clusterListener;
  }

  /** @throws {ListenError} `LISTEN_FAILED` */
  static async listen(options: RedisServerOptions): Promise<RedisServer> {
    const { platform, node, host, port, clusterPort } = options;
    const config = new ServerConfig({
      bind: host,
      dir: node.info().directory ?? "",
      requirepass: options.password ?? "",
    });
    // Others may reach this server because it has one (`--bind`): it can be changed, not taken away.
    if (options.password !== undefined)
      config.addRule("requirepass", (value) => (value === "" ? "this server was started with a password" : undefined));
    const limits = { ...serverLimitDefaults, ...options.limits };
    boundClients(config, platform.process.openFilesMax - limits.reservedFilesMin, options.logger);
    const context = new ServerContext({
      clock: platform.clock,
      random: platform.random,
      process: platform.process,
      logger: options.logger,
      node,
      commands: new ServedCommands(commandTable.specs, serverCommands),
      config,
      limits,
      runId: Buffer.from(platform.random.bytes(20)).toString("hex"),
      shutdown: options.shutdown,
    });
    const listen = (at: number, isCluster: boolean): Promise<StreamListener> =>
      listenOn(platform, { host, port: at }, (socket) => accept(context, socket, isCluster));
    try {
      const listener = await listen(port, false);
      config.setAtStart("port", `${listener.address.port}`);
      try {
        const clusterListener = clusterPort === undefined ? undefined : await listen(clusterPort, true);
        return new RedisServer(context, listener, clusterListener);
      } catch (error) {
        await listener.close();
        throw error;
      }
    } catch (error) {
      context.close();
      throw error;
    }
  }

  /** With the real port where 0 was asked for. */
  get address(): SocketAddress {
    return this.#listener.address;
  }

  /** The cluster port's; undefined without one. */
  get clusterAddress(): SocketAddress | undefined {
    return this.#clusterListener?.address;
  }

  /** Since the start, or the last `CONFIG RESETSTAT`. */
  figures(): ServerFigures {
    const { statistics, connections } = this.#context;
    const { connectionsReceived, connectionsRejected, commandsProcessed, errorReplies, inputBytes, outputBytes } =
      statistics;
    const clientCount = connections.size;
    return {
      clientCount,
      connectionsReceived,
      connectionsRejected,
      commandsProcessed,
      errorReplies,
      inputBytes,
      outputBytes,
    };
  }

  /** Stops to accept, and ends all connections: what is answered already is sent, the rest dropped. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const context = this.#context;
    const closed = Promise.all([this.#listener.close(), this.#clusterListener?.close()]);
    context.close();
    for (const connection of [...context.connections.values()]) connection.end();
    const timer = context.clock.setTimer(context.limits.closeWaitMs, () => context.sockets.destroyAll());
    await context.sockets.allClosed();
    timer.cancel();
    await closed;
  }
}

async function listenOn(
  { network }: Pick<Platform, "network">,
  address: SocketAddress,
  onSocket: (socket: StreamSocket) => void,
): Promise<StreamListener> {
  try {
    return await network.listen(address, onSocket);
  } catch (error) {
    if (error instanceof NetworkError) throw new ListenError(address, { cause: error });
    throw error;
  }
}

/** No more clients than the system has sockets for: without one left, the node could not open a file of its log. */
function boundClients(config: ServerConfig, clientsMax: number, logger: Logger): void {
  const most = Math.max(clientsMax, 1);
  config.addRule("maxclients", (value) =>
    Number(value) > most
      ? `The operating system is not able to handle the specified number of clients, try with ${most}`
      : undefined,
  );
  const asked = config.number("maxclients");
  if (asked <= most) return;
  config.setAtStart("maxclients", `${most}`);
  logger.log("warn", "fewer clients than maxclients can be served: raise the limit of open files (ulimit -n)", {
    asked,
    maxclients: most,
  });
}

function accept(context: ServerContext, socket: StreamSocket, isCluster: boolean): void {
  context.statistics.connectionsReceived++;
  // Those too that are ended and whose sockets are not closed yet.
  if (context.sockets.count - context.turnedAwayCount >= context.config.number("maxclients")) {
    turnAway(context, socket);
    return;
  }
  const connection = new Connection(context, socket, isCluster);
  context.connections.set(connection.id, connection);
}

function turnAway(context: ServerContext, socket: StreamSocket): void {
  const { clock, limits, sockets, statistics } = context;
  statistics.connectionsRejected++;
  const hasTime = context.turnedAwayCount < limits.turnedAwayMax;
  const timer = clock.setTimer(hasTime ? limits.lingerMs : 0, () => socket.destroy());
  context.turnedAwayCount++;
  sockets.add(socket);
  socket.handle({
    onData: () => {},
    onEnd: () => socket.destroy(),
    onClose: () => {
      timer.cancel();
      context.turnedAwayCount--;
      sockets.remove(socket);
    },
  });
  socket.write(tooManyClients);
  socket.end();
}
