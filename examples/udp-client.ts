/** A UDP client that sends one datagram. Whether it arrives nobody tells it: start `udp-server` first. */
import { dialUdp } from "coterie/net";

export async function main(_output: (line: string) => void, address = "127.0.0.1:8081"): Promise<void> {
  await using socket = await dialUdp(address);
  await socket.send("Hello UDP Server");
}
