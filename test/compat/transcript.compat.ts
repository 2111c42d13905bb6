/** The transcript that the unit tests replay, against Redis itself. COMPAT_RECORD=1 writes what Redis says. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseTranscript, printSection } from "../keyspace/transcript.ts";
import { RedisServer } from "./redis-server.ts";

const path = join(import.meta.dirname, "../keyspace/transcript.txt");

test("Redis answers as the transcript says", async () => {
  const redis = await RedisServer.start();
  const text = readFileSync(path, "utf8");
  const printed: string[] = [];
  for (const section of parseTranscript(text)) {
    const [, ...replies] = await redis.run([["flushall"], ...section.commands]);
    printed.push(printSection(section, replies));
  }
  await redis.close();
  if (process.env.COMPAT_RECORD !== undefined) writeFileSync(path, printed.join("\n"));
  else expect(printed.join("\n")).toBe(text);
});
