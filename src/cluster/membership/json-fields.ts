/** Reading JSON that somebody else has written: what a value is, field by field. */
import type { SocketAddress } from "../../platform/index.ts";
import { nodeIdMax } from "../replica/replica-id.ts";

export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

/** None of what is no object. */
export function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

export function isHex(value: unknown, digits: number): value is string {
  return typeof value === "string" && value.length === digits && /^[0-9a-f]*$/.test(value);
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Whether it is one of the numbers that nodes can have. */
export function isNodeId(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= nodeIdMax;
}

export function isNameList(value: unknown): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === "string" && name !== "");
}

/** Undefined if it is no address. */
export function parseAddressFields(value: unknown): SocketAddress | undefined {
  const { host, port } = Object.fromEntries(entriesOf(value));
  return typeof host === "string" && host !== "" && isCount(port) && port <= 65_535 ? { host, port } : undefined;
}
