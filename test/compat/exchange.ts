import { connect, type NetConnectOpts } from "node:net";

/** All that comes back for `text` on a connection of its own, which ends after it. */
export function exchange(to: NetConnectOpts, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect({ ...to, allowHalfOpen: true });
    socket.on("data", (bytes) => {
      received += bytes.toString("latin1");
    });
    socket.on("end", () => {
      socket.destroy();
      resolve(received);
    });
    socket.on("error", reject);
    socket.end(text, "latin1");
  });
}
