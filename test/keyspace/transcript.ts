/**
 * Transcripts: commands, one a line, each followed by its reply. Words are separated by blanks; one that holds blanks or
 * odd bytes is a JSON string (characters are bytes). A line of text ending in ":" begins a section on an empty keyspace.
 */
import { ErrorReply, MapReply, type Reply, SimpleString } from "../../src/resp/index.ts";

export interface Section {
  readonly title: string;
  readonly commands: readonly (readonly string[])[];
}

/** The sections of a transcript, without the replies. */
export function parseTranscript(text: string): Section[] {
  const sections: { title: string; commands: string[][] }[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("  > ")) sections.at(-1)?.commands.push(parseWords(line.slice(4)));
    else if (line.endsWith(":") && !line.startsWith(" ")) sections.push({ title: line.slice(0, -1), commands: [] });
  }
  return sections;
}

function parseWords(line: string): string[] {
  return (line.match(/"(?:\\.|[^"\\])*"|\S+/g) ?? []).map((word) => (word.startsWith('"') ? JSON.parse(word) : word));
}

/** A section with its replies. */
export function printSection(section: Section, replies: readonly Reply[]): string {
  const lines = section.commands.flatMap((words, at) => [
    `  > ${words.map(printWord).join(" ")}`,
    `    ${printReply(replies[at] as Reply)}`,
  ]);
  return [`${section.title}:`, ...lines, ""].join("\n");
}

function printWord(word: string): string {
  return /^[!#-~]+$/.test(word) ? word : printText(word);
}

function printText(text: string): string {
  return JSON.stringify(text).replace(/[\x7f-\xff]/g, (byte) => `\\u00${byte.charCodeAt(0).toString(16)}`);
}

/** In one line, as RESP2 would have it. */
function printReply(reply: Reply): string {
  if (reply instanceof SimpleString) return `+${reply.text}`;
  if (reply instanceof ErrorReply) return `-${reply.text}`;
  if (typeof reply === "number" || typeof reply === "bigint") return `:${reply}`;
  if (reply === null) return "null";
  if (typeof reply === "string") return printText(reply);
  if (reply instanceof MapReply) return printReply(reply.entries);
  if (Array.isArray(reply)) return `[${reply.map(printReply).join(", ")}]`;
  throw new Error(`no reply of the keyspace: ${JSON.stringify(reply)}`);
}
