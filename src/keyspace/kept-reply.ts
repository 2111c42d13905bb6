/**
 * Replies as the texts that a session keeps: RESP3, with RESP2's null array where that is meant, so that a repeated
 * command is answered with just the value that it was answered with before, in whatever protocol it is asked.
 */
import { assert } from "../platform/index.ts";
import {
  encodeReply,
  headerOf,
  isAggregate,
  itemsOf,
  NullArray,
  type Reply,
  ReplyDecoder,
  replyBytes,
} from "../resp/index.ts";

/** Undefined if the text would have more than about `bytesMax`; such a reply is not even encoded. */
export function textOfReply(reply: Reply, bytesMax: number): string | undefined {
  if (replyBytes(reply, bytesMax) > bytesMax) return undefined;
  const text = encode(reply);
  return text.length > bytesMax ? undefined : text;
}

function encode(reply: Reply): string {
  if (reply instanceof NullArray) return "*-1\r\n";
  if (!isAggregate(reply)) return encodeReply(reply, 3);
  let text = headerOf(reply, 3);
  for (const item of itemsOf(reply)) text += encode(item);
  return text;
}

/** The reply that `textOfReply` made a text of. */
export function replyOfText(text: string): Reply {
  const decoder = new ReplyDecoder();
  decoder.feed(Buffer.from(text, "latin1"));
  const reply = decoder.next();
  assert(reply !== undefined, "a kept reply is cut short");
  return reply;
}
