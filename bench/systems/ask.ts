import { connect } from "node:net";

export type Answer = string | number | null | readonly Answer[];

/**
 * One RESP command on a connection of its own: for looking after servers, not for load.
 * @throws on an error reply, a broken connection, or after `timeoutMs`.
 */
export function ask(port: number, words: readonly string[], timeoutMs = 5_000): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    let received = Buffer.alloc(0);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const timer = setTimeout(
      () => end(() => reject(new Error(`${words.join(" ")}: no answer from port ${port} within ${timeoutMs} ms`))),
      timeoutMs,
    );
    socket.on("connect", () => {
      const bulks = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
      socket.write(`*${words.length}\r\n${bulks.join("")}`);
    });
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      try {
        const answer = decode(received, 0);
        if (answer !== undefined) end(() => resolve(answer.value));
      } catch (error) {
        end(() => reject(error));
      }
    });
    socket.on("error", (error) => end(() => reject(error)));
    socket.on("close", () => end(() => reject(new Error(`${words.join(" ")}: port ${port} closed the connection`))));
  });
}

/** The lines `name:value` of `INFO section`. */
export async function askInfo(port: number, section: string): Promise<ReadonlyMap<string, string>> {
  const answer = await ask(port, ["INFO", section]);
  const lines = String(answer).split("\r\n");
  return new Map(
    lines
      .filter((line) => line.includes(":"))
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

function decode(bytes: Buffer, from: number): { value: Answer; end: number } | undefined {
  const lineEnd = bytes.indexOf("\r\n", from);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString("latin1", from + 1, lineEnd);
  const next = lineEnd + 2;
  switch (String.fromCharCode(bytes[from]!)) {
    case "+":
      return { value: line, end: next };
    case "-":
      throw new Error(line);
    case ":":
      return { value: Number(line), end: next };
    case "$": {
      const length = Number(line);
      if (length < 0) return { value: null, end: next };
      if (bytes.length < next + length + 2) return undefined;
      return { value: bytes.toString("utf8", next, next + length), end: next + length + 2 };
    }
    case "*":
      return decodeItems(bytes, next, Number(line));
    default:
      throw new Error(`not a RESP2 reply: ${bytes.toString("latin1", from, from + 20)}`);
  }
}

function decodeItems(bytes: Buffer, from: number, count: number): { value: Answer; end: number } | undefined {
  const items: Answer[] = [];
  let at = from;
  for (let place = 0; place < count; place++) {
    const item = decode(bytes, at);
    if (item === undefined) return undefined;
    items.push(item.value);
    at = item.end;
  }
  return { value: items, end: at };
}
