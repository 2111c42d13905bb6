/**
 * The work that every contender does, server and clients in one process, so that what is measured is what both cost
 * together. `tcpEcho…`: each client sends a message, waits until it has come back whole, and sends the next. `udpEcho`: the
 * same with datagrams; the clients' sockets are connected, the server's is not.
 */
export const workNames = ["tcpEchoSmall", "tcpEchoLarge", "udpEcho"] as const;
export type WorkName = (typeof workNames)[number];

export interface Shape {
  readonly clients: number;
  /** Of one message. */
  readonly bytes: number;
}

export const shapes: Readonly<Record<WorkName, Shape>> = {
  tcpEchoSmall: { clients: 50, bytes: 64 },
  tcpEchoLarge: { clients: 8, bytes: 64 * 1024 },
  udpEcho: { clients: 50, bytes: 64 },
};

/** Work that goes on until it is stopped. */
export interface Running {
  /** Round trips of each client so far. */
  readonly counts: readonly number[];
  stop(): Promise<void>;
}

export type Works = Readonly<Record<WorkName, (shape: Shape) => Promise<Running>>>;
