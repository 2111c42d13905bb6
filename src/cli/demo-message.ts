/**
 * What a demo and its nodes tell each other: one JSON object a line over a connection on loopback. The connection
 * itself says the most: a node stops when it ends, and while it stands the node lives.
 *
 *     node → demo   hello (the token proves that it may), then ready, then role at every change
 *     demo → node   welcome
 */
import type { Socket } from "node:net";
import type { MessageSchema } from "../net/index.ts";
import { fieldsOf, type JsonObject, parseObject } from "./json-object.ts";

/**
 * What a node is in its shard's group; "stopped" if its replica takes no part any more. Where there are several shards: a leader if it
 * leads one, a follower if it leads none, and until all have leaders a candidate.
 */
export type Role = "leader" | "follower" | "candidate" | "stopped" | "unknown";

export type DemoMessage =
  | { readonly type: "hello"; readonly token: string; readonly name: string; readonly pid: number }
  | { readonly type: "welcome" }
  | { readonly type: "ready"; readonly redis: string }
  | {
      readonly type: "role";
      readonly role: Role;
      readonly term: number;
      /** How many shards it leads, of how many. */
      readonly leads: number;
      readonly shards: number;
    };

/** Of one message, without the end of its line. */
export const demoMessageBytesMax = 4_096;

/** For a stream of messages. */
export const demoMessageSchema: MessageSchema<DemoMessage> = {
  "~standard": {
    version: 1,
    vendor: "coterie",
    validate: (value) => {
      const message = messageOf(fieldsOf(value));
      return message === undefined ? { issues: [{ message: "no message of a demo" }] } : { value: message };
    },
  },
};

export function sendMessage(socket: Socket, message: DemoMessage): void {
  if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
}

/** Calls `onMessage` for every message that arrives; a line that is none ends the connection. */
export function receiveMessages(socket: Socket, onMessage: (message: DemoMessage) => void): void {
  let pending = "";
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (pending + chunk).split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) {
      const message = parseMessage(line);
      if (message === undefined) {
        socket.destroy();
        return;
      }
      onMessage(message);
    }
    if (pending.length > demoMessageBytesMax) socket.destroy();
  });
}

/** Undefined for anything that is not exactly a message. */
export function parseMessage(line: string): DemoMessage | undefined {
  return messageOf(parseObject(line) ?? {});
}

function messageOf(fields: JsonObject): DemoMessage | undefined {
  const { type, token, name, pid, redis, role, term, leads, shards } = fields;
  if (type === "welcome") return { type };
  if (type === "hello" && typeof token === "string" && typeof name === "string" && isCount(pid))
    return { type, token, name, pid };
  if (type === "ready" && typeof redis === "string") return { type, redis };
  const known = roles.find((candidate) => candidate === role);
  if (type === "role" && known !== undefined && isCount(term) && isCount(leads) && isCount(shards))
    return { type, role: known, term, leads, shards };
  return undefined;
}

const roles: readonly Role[] = ["leader", "follower", "candidate", "stopped", "unknown"];

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
