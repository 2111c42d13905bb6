/**
 * What a demo and its nodes tell each other: one JSON object a line over a connection on loopback. The connection
 * itself says the most: a node stops when it ends, and while it stands the node lives.
 *
 *     node → demo   hello (the token proves that it may), then ready, then role at every change
 *     demo → node   welcome
 */
import { DeadlineExceededError } from "../channels/index.ts";
import {
  ConnectFailedError,
  ConnectionClosedError,
  ConnectionLostError,
  InvalidAddressError,
  MessageError,
  type MessageSchema,
} from "../net/index.ts";
import { fieldsOf, type JsonObject } from "./json-object.ts";

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

/**
 * Whether `error` says that there is nobody to talk with: nobody came, it broke, nothing came in time, or something that is no
 * message. Anything else is a bug.
 */
export function endsConversation(error: unknown): boolean {
  return conversationErrors.some((kind) => error instanceof kind);
}

const conversationErrors = [
  InvalidAddressError,
  ConnectFailedError,
  ConnectionClosedError,
  ConnectionLostError,
  DeadlineExceededError,
  MessageError,
];

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
