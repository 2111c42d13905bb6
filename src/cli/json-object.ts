/** JSON from files and sockets, whose shape is for the caller to check. */

export type JsonObject = Readonly<Record<string, unknown>>;

/** The fields of a JSON object; undefined if `text` is none. */
export function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** The fields of what may be an object; none if it is none. */
export function fieldsOf(value: unknown): JsonObject {
  return isObject(value) ? { ...value } : {};
}

/** What may be an array; empty if it is none. */
export function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
