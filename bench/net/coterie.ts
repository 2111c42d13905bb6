import { closed, go } from "coterie/channels";
import { dialTcp, dialUdp, listenTcp, listenUdp, type TcpConnection } from "coterie/net";
import type { Running, Shape, Works } from "./work.ts";

export const coterie: Works = { tcpEchoSmall: tcpEcho, tcpEchoLarge: tcpEcho, udpEcho };

async function tcpEcho({ clients, bytes }: Shape): Promise<Running> {
  const listener = await listenTcp("127.0.0.1:0");
  go(async () => {
    for await (const connection of listener) go(() => echo(connection)).then(undefined, () => {});
  });
  const counts = new Array<number>(clients).fill(0);
  const connections = await Promise.all(counts.map(() => dialTcp(listener.address)));
  const message = Buffer.alloc(bytes, "x");
  const asking = connections.map(async (connection, at) => {
    for (;;) {
      await connection.write(message);
      for (let missing = bytes; missing > 0; ) {
        const piece = await connection.read();
        if (piece === closed) return;
        missing -= piece.length;
      }
      counts[at]!++;
    }
  });
  return {
    counts,
    stop: async () => {
      for (const connection of connections) connection.destroy();
      await Promise.allSettled(asking);
      await listener.drain();
    },
  };
}

async function echo(connection: TcpConnection): Promise<void> {
  for await (const piece of connection) await connection.write(piece);
  await connection.close();
}

async function udpEcho({ clients, bytes }: Shape): Promise<Running> {
  const server = await listenUdp("127.0.0.1:0");
  go(async () => {
    for await (const { bytes: message, from } of server) await server.sendTo(message, from);
  });
  const counts = new Array<number>(clients).fill(0);
  const sockets = await Promise.all(counts.map(() => dialUdp(server.localAddress)));
  const message = Buffer.alloc(bytes, "x");
  const asking = sockets.map(async (socket, at) => {
    for (;;) {
      await socket.send(message);
      if ((await socket.receive()) === closed) return;
      counts[at]!++;
    }
  });
  return {
    counts,
    stop: async () => {
      await Promise.all([server, ...sockets].map((socket) => socket.close()));
      await Promise.allSettled(asking);
    },
  };
}
