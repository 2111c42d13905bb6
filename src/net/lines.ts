import { type Cancellation, closed } from "../channels/index.ts";
import type { Connection } from "./connection.ts";
import { createSplitter } from "./message-splitter.ts";

const bytesMaxDefault = 64 * 1024;
const newline = Uint8Array.of(0x0a);

/**
 * The lines that come over `connection`, without their ends ("\n" or "\r\n"), as Go's `bufio.Scanner` gives them: a last
 * line without an end counts too, unless it is empty. What is not UTF-8 is replaced by U+FFFD. Leaving the loop closes
 * nothing.
 * @throws MessageTooLargeError (MESSAGE_TOO_LARGE) for a line of more than `bytesMax` bytes (default 64 KiB), and what the
 * connection's `read` throws; then the loop is at its end.
 */
export async function* linesOf(
  connection: Connection,
  options: { readonly bytesMax?: number; readonly cancellation?: Cancellation } = {},
): AsyncGenerator<string, void, undefined> {
  const splitter = createSplitter("lines", options.bytesMax ?? bytesMaxDefault);
  for (let isAtEnd = false; ; ) {
    for (let line = splitter.next(); line !== undefined; line = splitter.next()) yield textOf(line);
    if (isAtEnd) return;
    const piece = await connection.read(options.cancellation);
    isAtEnd = piece === closed;
    if (piece !== closed) splitter.push(piece);
    else if (splitter.unfinishedBytes > 0) splitter.push(newline);
  }
}

function textOf(line: Uint8Array): string {
  const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString();
  return text.endsWith("\r") ? text.slice(0, -1) : text;
}
