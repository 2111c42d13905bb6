/**
 * A log that was made once and is kept for good, with what it led to: the same on every machine and version of Node, and
 * with every version of Coterie at the semantics level that the log is at. Entries are in one file, each after its
 * length (u32, little endian), compressed; replies and digests in another.
 */
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { encodeReply } from "../../src/resp/index.ts";
import { Replica } from "./replica.ts";

/** What a log leads to. */
export interface Outcome {
  /** SHA-256 of all replies, one after the other. */
  readonly replies: string;
  /** The state's digest after every twentieth entry. */
  readonly digests: readonly string[];
}

const logPath = join(import.meta.dirname, "golden-log.br");
const outcomePath = join(import.meta.dirname, "golden-log.json");

export function readGoldenLog(): { entries: Uint8Array[]; outcome: Outcome } {
  const bytes = brotliDecompressSync(readFileSync(logPath));
  const entries: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at)) {
    entries.push(bytes.subarray(at + 4, at + 4 + bytes.readUInt32LE(at)));
  }
  return { entries, outcome: JSON.parse(readFileSync(outcomePath, "utf8")) };
}

/** Makes `entries` the golden log. For new commands make another log beside this one. */
export function writeGoldenLog(entries: readonly Uint8Array[]): void {
  const parts = entries.flatMap((entry) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(entry.length);
    return [length, entry];
  });
  writeFileSync(logPath, brotliCompressSync(Buffer.concat(parts)));
  writeFileSync(outcomePath, `${JSON.stringify(outcomeOf(entries), undefined, 2)}\n`);
}

export function outcomeOf(entries: readonly Uint8Array[]): Outcome {
  const replica = new Replica();
  const replies = createHash("sha256");
  const digests: string[] = [];
  for (const entry of entries) {
    for (const reply of replica.apply(entry)) replies.update(encodeReply(reply, 3), "latin1");
    if (replica.keyspace.appliedIndex % 20 === 0) digests.push(replica.keyspace.checksum());
  }
  return { replies: replies.digest("hex"), digests };
}
