import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LoadJob, LoadResult } from "./job.ts";

/** What a job need not say. */
export const jobDefaults = {
  connections: 50,
  pipeline: 1,
  streams: 1,
  waitReplicas: 0,
  keyCount: 100_000,
  valueBytes: 64,
  warmUpMs: 500,
  measureMs: 3_000,
  serverPids: [],
  seed: 0x5eed,
} as const;

export type LoadRequest = Pick<LoadJob, "protocol" | "operation" | "targets"> & Partial<LoadJob>;

/**
 * Runs one job in a generator process of its own.
 * @throws when the generator could not do it, or saw errors or misses: then its figures mean nothing.
 */
export async function runLoad(request: LoadRequest): Promise<LoadResult> {
  const job: LoadJob = { ...jobDefaults, ...request };
  const child = spawn(process.execPath, [fileURLToPath(new URL("./generator.js", import.meta.url))], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(JSON.stringify(job));
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (output === "") throw new Error(`the load generator failed: ${errors.trim()}`);
  const result = JSON.parse(output) as LoadResult;
  if (result.errorCount > 0) throw new Error(`${result.errorCount} errors under load, the first: ${result.firstError}`);
  if (result.missCount > 0) throw new Error(`${result.missCount} reads found nothing`);
  if (result.operations === 0) throw new Error("no reply came during the measurement");
  return result;
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
