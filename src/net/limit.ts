import { InvalidArgumentError } from "../channels/index.ts";

/** A limit as it was given. @throws InvalidArgumentError (INVALID_ARGUMENT), by its name, unless it is a whole number, `min` or more. */
export function limitOf(name: string, value: number, min = 1): number {
  if (Number.isInteger(value) && value >= min) return value;
  throw new InvalidArgumentError(`${name} is a whole number, ${min} or more, not ${String(value)}`);
}
