import { createHash, timingSafeEqual } from "node:crypto";

/** Compares in a time that tells nothing of the password. */
export function isPassword(given: string, password: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(password));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text, "latin1").digest();
}
