import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Replica } from "../../test/keyspace/replica.ts";
import { parseTranscript, printSection } from "../../test/keyspace/transcript.ts";
import { commandTable } from "./commands.ts";
import { Keyspace } from "./keyspace.ts";

// Recorded from Redis 7.0.15: `npm run compat` compares it with what Redis says, or records it anew.
const text = readFileSync(join(import.meta.dirname, "../../test/keyspace/transcript.txt"), "utf8");
const sections = parseTranscript(text);

test.for(sections)("$title: replies are worded as Redis words them", (section) => {
  const replica = new Replica(new Keyspace(), commandTable);
  const replies = section.commands.map((words) => replica.run(words, 1_700_000_000_000));
  const printed = printSection(section, replies);
  const recorded = text.split(/\n+(?=\n\S)/).find((part) => part.trimStart().startsWith(`${section.title}:`)) ?? "";
  expect(printed.trim()).toBe(recorded.trim());
});

test("every command is in the transcript", () => {
  const called = new Set(sections.flatMap(({ commands }) => commands.map((words) => words[0]?.toUpperCase())));
  // What is only there for the cluster port has no counterpart on a plain one.
  const ofRedis = commandTable.specs.filter(({ group }) => group !== "coterie" && group !== "cluster");
  expect(ofRedis.map(({ name }) => name).filter((name) => !called.has(name))).toEqual([]);
});
