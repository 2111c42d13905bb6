/** A node's side of the connection to the demo whose directory it runs in: the node stops when the demo ends. */
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { background, closed, go } from "../channels/index.ts";
import { dialTcp, JsonStream, type TcpConnection } from "../net/index.ts";
import type { ControlAddress } from "./demo-control.ts";
import { type DemoMessage, demoMessageBytesMax, demoMessageSchema, endsConversation } from "./demo-message.ts";
import { readFileIfThere } from "./directory.ts";
import { parseObject } from "./json-object.ts";
import { DemoFailedError } from "./refusal.ts";

/** Open until it is closed, which tells the demo that the process has ended or is about to. It keeps the process alive. */
export interface DemoAttachment {
  send(message: DemoMessage): void;
  /** Resolves when the demo has ended, or has asked its nodes to; also after `close`. */
  readonly ended: Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** A node as it looks for its demo; its directory is undefined in memory. */
export interface DemoMember {
  readonly name: string;
  readonly directory: string | undefined;
}

/** The variable in which a demo tells its address to the nodes that it starts. */
export const controlVariable = "COTERIE_DEMO_CONTROL";

const connectTimeoutMs = 5_000;

/** The file in a demo's directory that says where the running demo is to be found. */
export function controlFile(demoDirectory: string): string {
  return join(demoDirectory, "control.json");
}

export function formatControlAddress(address: ControlAddress): string {
  return `${address.port}:${address.token}`;
}

/**
 * The demo that the node in `directory` belongs to: the one that started this process, which must be reached, or else
 * the one that runs in the folder above, if any.
 */
export async function attachToDemo(
  node: DemoMember,
  controlText: string | undefined,
): Promise<DemoAttachment | undefined> {
  const hello = { type: "hello", name: node.name, pid: process.pid } as const;
  if (controlText !== undefined) {
    const [port, token] = controlText.split(":");
    const attachment = await attach({ port: Number(port), token: token ?? "" }, hello);
    if (attachment === undefined) throw new DemoFailedError("The demo that started this node has ended.");
    return attachment;
  }
  const address = node.directory === undefined ? undefined : findDemo(dirname(node.directory));
  return address === undefined ? undefined : attach(address, hello);
}

/** Undefined unless a demo of this user says that it runs there. */
function findDemo(demoDirectory: string): ControlAddress | undefined {
  const path = controlFile(demoDirectory);
  const stat = statSync(path, { throwIfNoEntry: false });
  // In a folder that others may write to, somebody else's file could make us stop.
  if (stat === undefined || (process.getuid !== undefined && stat.uid !== process.getuid())) return undefined;
  const { port, token } = parseObject(readFileIfThere(path) ?? "") ?? {};
  return typeof port === "number" && typeof token === "string" ? { port, token } : undefined;
}

type Hello = Omit<Extract<DemoMessage, { type: "hello" }>, "token">;

/** Undefined if there is no demo at `address` (any more). */
async function attach(address: ControlAddress, hello: Hello): Promise<DemoAttachment | undefined> {
  const [patience, cancel] = background().withTimeout(connectTimeoutMs);
  let connection: TcpConnection | undefined;
  try {
    connection = await dialTcp({ host: "127.0.0.1", port: address.port }, { context: patience });
    const stream = new JsonStream(connection, { schema: demoMessageSchema, bytesMax: demoMessageBytesMax });
    await stream.send({ ...hello, token: address.token } satisfies DemoMessage, patience);
    const answer = await stream.receive(patience);
    if (answer !== closed && answer.type === "welcome") return attachmentOf(connection, stream);
  } catch (error) {
    if (!endsConversation(error)) throw error;
  } finally {
    cancel();
  }
  connection?.destroy();
  return undefined;
}

function attachmentOf(connection: TcpConnection, stream: JsonStream<DemoMessage>): DemoAttachment {
  const tell = async (message: DemoMessage): Promise<void> => {
    try {
      await stream.send(message);
    } catch (error) {
      // The demo is gone, which `ended` says.
      if (!endsConversation(error)) throw error;
    }
  };
  return {
    send: (message) => {
      go(() => tell(message));
    },
    ended: untilEnd(connection, stream),
    // At once: nobody waits for what a node that stops has said last.
    close: () => connection.destroy(),
  };
}

/** This side stays open: the node lives until its process ends. */
async function untilEnd(connection: TcpConnection, stream: JsonStream<DemoMessage>): Promise<void> {
  try {
    let message = await stream.receive();
    while (message !== closed) message = await stream.receive();
  } catch (error) {
    connection.destroy();
    if (!endsConversation(error)) throw error;
  }
}
