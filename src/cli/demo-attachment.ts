/** A node's side of the connection to the demo whose directory it runs in: the node stops when the demo ends. */
import { statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { ControlAddress } from "./demo-control.ts";
import { type DemoMessage, receiveMessages, sendMessage } from "./demo-message.ts";
import { readFileIfThere } from "./directory.ts";
import { parseObject } from "./json-object.ts";
import { DemoFailedError } from "./refusal.ts";

export interface DemoAttachment {
  send(message: DemoMessage): void;
  /** Resolves when the demo has ended, or has asked its nodes to. */
  readonly ended: Promise<void>;
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
function attach(address: ControlAddress, hello: Hello): Promise<DemoAttachment | undefined> {
  return new Promise((resolve) => {
    // Half-open: this side ends with the process, which tells the demo that the node has stopped.
    const socket: Socket = connect({ host: "127.0.0.1", port: address.port, allowHalfOpen: true });
    const timer = setTimeout(() => socket.destroy(), connectTimeoutMs);
    let isWelcome = false;
    const ended = new Promise<void>((resolveEnded) => {
      socket.on("end", resolveEnded);
      socket.on("close", () => resolveEnded());
    });
    socket.on("end", () => {
      if (!isWelcome) socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    socket.on("connect", () => sendMessage(socket, { ...hello, token: address.token }));
    receiveMessages(socket, (message) => {
      if (message.type !== "welcome") return;
      isWelcome = true;
      clearTimeout(timer);
      // The demo alone must not keep this process alive.
      socket.unref();
      resolve({ send: (next) => sendMessage(socket, next), ended });
    });
  });
}
