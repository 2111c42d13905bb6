import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Running, Shape, Works } from "./work.ts";

/** As one writes it with Node alone: events, and a reader that stops while its writer is full. */
export const plainNode: Works = { tcpEchoSmall: tcpEcho, tcpEchoLarge: tcpEcho, udpEcho };

async function tcpEcho({ clients, bytes }: Shape): Promise<Running> {
  const server = createServer({ noDelay: true }, echo);
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const counts = new Array<number>(clients).fill(0);
  const message = Buffer.alloc(bytes, "x");
  const sockets = counts.map((_, at) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let missing = bytes;
    socket.on("connect", () => socket.write(message));
    socket.on("data", (piece) => {
      missing -= piece.length;
      if (missing > 0) return;
      missing = bytes;
      counts[at]!++;
      socket.write(message);
    });
    socket.on("error", () => {});
    return socket;
  });
  return {
    counts,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function echo(socket: Socket): void {
  socket.on("data", (piece) => {
    if (!socket.write(piece)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end());
  socket.on("error", () => {});
}

async function udpEcho({ clients, bytes }: Shape): Promise<Running> {
  const server = createSocket("udp4");
  server.on("message", (message, { port, address }) => server.send(message, port, address, throwIfFailed));
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  const counts = new Array<number>(clients).fill(0);
  const message = Buffer.alloc(bytes, "x");
  const sockets: DatagramSocket[] = [];
  for (const at of counts.keys()) {
    const socket = createSocket("udp4");
    socket.connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.on("message", () => {
      counts[at]!++;
      socket.send(message, throwIfFailed);
    });
    sockets.push(socket);
  }
  for (const socket of sockets) socket.send(message, throwIfFailed);
  return {
    counts,
    stop: async () => {
      for (const socket of [server, ...sockets]) socket.close();
    },
  };
}

/** Without a callback Node drops a datagram that the system refuses without a word; coterie/net tells, so this does too. */
function throwIfFailed(error: Error | null): void {
  if (error !== null) throw error;
}
