/**
 * Requests and answers are JSON-RPC 2.0, without its batches: an object with `method`, `params` and, unless nobody waits
 * for an answer, an `id`; the answer has the same `id` and either `result` or `error`. A request is given up by the
 * notification `$/cancelRequest` with its id, as in the Language Server Protocol.
 */
export type RequestId = number | string;

/** By position or by name. */
export type RequestParams = readonly unknown[] | Readonly<Record<string, unknown>>;

export type IncomingRequest =
  | { readonly kind: "request"; readonly id: RequestId; readonly method: string; readonly params: unknown }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown }
  | { readonly kind: "cancel"; readonly id: RequestId }
  | { readonly kind: "invalid"; readonly id: RequestId | null; readonly problem: string };

export type IncomingAnswer =
  | { readonly kind: "result"; readonly id: RequestId; readonly result: unknown }
  | { readonly kind: "error"; readonly id: RequestId; readonly error: AnswerError }
  | { readonly kind: "unrelated" };

export interface AnswerError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export const cancelMethod = "$/cancelRequest";

export function requestMessage(method: string, params: RequestParams | undefined, id?: RequestId): object {
  return { jsonrpc: "2.0", ...(id !== undefined && { id }), method, ...(params !== undefined && { params }) };
}

/** A result that is undefined becomes null, since JSON has no such thing. */
export function resultMessage(id: RequestId, result: unknown): object {
  return { jsonrpc: "2.0", id, result: result ?? null };
}

/** `id` is null for what was no request. */
export function errorMessage(id: RequestId | null, error: AnswerError): object {
  return { jsonrpc: "2.0", id, error };
}

/** Sorts out what has come to one that serves. */
export function readRequest(value: unknown): IncomingRequest {
  if (!isObject(value))
    return { kind: "invalid", id: null, problem: "a request is an object, and batches are not taken" };
  const { id, method, params } = value;
  if (id !== undefined && !isId(id)) return { kind: "invalid", id: null, problem: "an id is a number or a text" };
  const knownId = id ?? null;
  if (value.jsonrpc !== "2.0") return { kind: "invalid", id: knownId, problem: 'jsonrpc must be "2.0"' };
  if (typeof method !== "string") return { kind: "invalid", id: knownId, problem: "a method is a text" };
  if (params !== undefined && (typeof params !== "object" || params === null)) {
    return { kind: "invalid", id: knownId, problem: "params are an array or an object" };
  }
  if (id !== undefined) return { kind: "request", id, method, params };
  if (method !== cancelMethod) return { kind: "notification", method, params };
  const target = isObject(params) ? params.id : undefined;
  return isId(target)
    ? { kind: "cancel", id: target }
    : { kind: "invalid", id: null, problem: `${cancelMethod} names the id of a request` };
}

/** Sorts out what has come to one that asks. */
export function readAnswer(value: unknown): IncomingAnswer {
  if (!isObject(value) || value.jsonrpc !== "2.0" || !isId(value.id)) return { kind: "unrelated" };
  const { id, result, error } = value;
  if (isObject(error) && typeof error.code === "number" && typeof error.message === "string") {
    return { kind: "error", id, error: { code: error.code, message: error.message, data: error.data } };
  }
  return result === undefined ? { kind: "unrelated" } : { kind: "result", id, result };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is RequestId {
  return typeof value === "string" || Number.isFinite(value);
}
