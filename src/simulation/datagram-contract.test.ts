/** UDP: Node's own and the simulated one alike. */
import { expect, test } from "vitest";
import { bytesOf, codeOf, type Host, onEachPlatform, textOf } from "../../test/platform/contract.ts";
import { type DatagramSocket, datagramBytesMax, type SocketAddress } from "../platform/index.ts";

onEachPlatform(datagramContract);

interface Mailbox {
  readonly socket: DatagramSocket;
  readonly messages: { readonly text: string; readonly from: SocketAddress }[];
  /** The first so many messages, in an order that says nothing. */
  texts(count: number): Promise<readonly string[]>;
}

async function openMailbox(host: Host, port = 0, remote?: SocketAddress): Promise<Mailbox> {
  const messages: { readonly text: string; readonly from: SocketAddress }[] = [];
  let check = (): void => {};
  const handlers = {
    onMessage: (bytes: Uint8Array, from: SocketAddress): void => {
      messages.push({ text: textOf(bytes), from });
      check();
    },
    onError: (): void => {},
  };
  const socket = await host.until(host.platform.datagrams.bind({ host: host.address, port }, handlers, remote));
  const texts = (count: number): Promise<readonly string[]> =>
    new Promise((resolve) => {
      check = () => {
        if (messages.length >= count) resolve(messages.map(({ text }) => text).toSorted());
      };
      check();
    });
  return { socket, messages, texts };
}

function sent(socket: DatagramSocket, text: string, to?: SocketAddress): Promise<string> {
  return new Promise((resolve, reject) => {
    let isWithin = true;
    socket.send(bytesOf(text), to, (error) => {
      if (isWithin) reject(new Error("called back within the call"));
      resolve(error?.code ?? "sent");
    });
    isWithin = false;
  });
}

function datagramContract(host: () => Host): void {
  const until = <T>(promise: Promise<T>): Promise<T> => host().until(promise);

  test("a datagram arrives whole, says where it comes from, and can be answered", async () => {
    const server = await openMailbox(host());
    const client = await openMailbox(host(), 0, server.socket.localAddress);
    expect(client.socket.remoteAddress).toEqual(server.socket.localAddress);
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
    expect(await until(sent(client.socket, all))).toBe("sent");
    expect(await until(sent(client.socket, ""))).toBe("sent");
    expect(await until(server.texts(2))).toEqual(["", all]);
    const [first] = server.messages;
    expect(first?.from).toEqual(client.socket.localAddress);
    expect(await until(sent(server.socket, "answer", first?.from))).toBe("sent");
    expect(await until(client.texts(1))).toEqual(["answer"]);
    await until(Promise.all([server.socket.close(), client.socket.close()]));
  });

  test("a connected socket has the address by which the other side knows it", async () => {
    const server = await openMailbox(host());
    const { datagrams } = host().platform;
    const handlers = { onMessage: () => {}, onError: () => {} };
    const client = await until(datagrams.bind({ host: "", port: 0 }, handlers, server.socket.localAddress));
    await until(sent(client, "?"));
    await until(server.texts(1));
    expect(client.localAddress).toEqual(server.messages[0]?.from);
    await until(Promise.all([server.socket.close(), client.close()]));
  });

  test("a connected socket hears from its remote address alone", async () => {
    const server = await openMailbox(host());
    const stranger = await openMailbox(host());
    const client = await openMailbox(host(), 0, server.socket.localAddress);
    await until(sent(stranger.socket, "stranger", client.socket.localAddress));
    await until(sent(server.socket, "friend", client.socket.localAddress));
    expect(await until(client.texts(1))).toEqual(["friend"]);
    await until(Promise.all([server, stranger, client].map(({ socket }) => socket.close())));
  });

  test("a datagram that is too long is refused; the longest is not", async () => {
    const server = await openMailbox(host());
    const client = await openMailbox(host(), 0, server.socket.localAddress);
    expect(await until(sent(client.socket, "x".repeat(datagramBytesMax + 1)))).toBe("EMSGSIZE");
    expect(await until(sent(client.socket, "x".repeat(datagramBytesMax)))).toBe("sent");
    expect((await until(server.texts(1)))[0]).toHaveLength(datagramBytesMax);
    await until(Promise.all([server.socket.close(), client.socket.close()]));
  });

  test("a datagram to port 0 is refused", async () => {
    const client = await openMailbox(host());
    expect(await until(sent(client.socket, "?", { host: host().address, port: 0 }))).toBe("EINVAL");
    await until(client.socket.close());
  });

  test("a datagram port is bound once, and free after the close", async () => {
    const first = await openMailbox(host());
    const { port } = first.socket.localAddress;
    expect(await codeOf(openMailbox(host(), port))).toBe("NetworkError EADDRINUSE");
    await until(first.socket.close());
    await until(first.socket.close());
    expect(await until(sent(first.socket, "late", first.socket.localAddress))).toBe("ECANCELED");
    const second = await openMailbox(host(), port);
    expect(second.socket.localAddress.port).toBe(port);
    await until(second.socket.close());
  });

  test("a datagram to nobody harms nobody", async () => {
    const gone = await openMailbox(host());
    await until(gone.socket.close());
    const client = await openMailbox(host());
    expect(await until(sent(client.socket, "?", gone.socket.localAddress))).toBe("sent");
    expect(await until(sent(client.socket, "self", client.socket.localAddress))).toBe("sent");
    expect(await until(client.texts(1))).toEqual(["self"]);
    await until(client.socket.close());
  });
}
