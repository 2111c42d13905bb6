/** The parts of a command that concerns several shards, and how their replies become one. */

import { type CommandSpec, isWrite, type Keyspace } from "../../keyspace/index.ts";
import { assert } from "../../platform/index.ts";
import { Arguments, ErrorReply, RawReply, type Reply, ReplyDecoder } from "../../resp/index.ts";
import { uncertain } from "../errors.ts";
import type { CommandRouter } from "./command-router.ts";

export interface Part {
  readonly shard: number;
  readonly args: Arguments;
}

/** Waits for the replies to all parts. */
export class Gathering {
  constructor(options: {
    readonly partCount: number;
    readonly merge: (replies: readonly Reply[]) => Reply;
    /** Is given what became of all of them. */
    readonly done: (reply: Reply) => void;
  }) {
    this.#merge = options.merge;
    this.#done = options.done;
    this.#missingCount = options.partCount;
    this.#replies = new Array(options.partCount).fill(null);
  }

  add(part: number, reply: Reply): void {
    this.#replies[part] = decoded(reply);
    this.#missingCount--;
    if (this.#missingCount === 0) this.#done(this.#merge(this.#replies));
  }

  readonly #merge: (replies: readonly Reply[]) => Reply;
  readonly #done: (reply: Reply) => void;
  readonly #replies: Reply[];
  #missingCount: number;
}

/** A reply that came from another node is text. */
function decoded(reply: Reply): Reply {
  if (!(reply instanceof RawReply)) return reply;
  const decoder = new ReplyDecoder();
  decoder.feed(Buffer.from(reply.text, "latin1"));
  const value = decoder.next();
  assert(value !== undefined, "a node forwards whole replies");
  return value;
}

/** A part for each shard that has keys of the command, with these alone; and the words that each part has. */
export function splitByShard(
  router: CommandRouter,
  args: Arguments,
): { readonly parts: readonly Part[]; readonly words: readonly (readonly number[])[] } {
  const wordsOf = new Map<number, number[]>();
  for (let word = 1; word < args.count; word++) {
    const shard = router.shardOf(args, word);
    const words = wordsOf.get(shard);
    if (words === undefined) wordsOf.set(shard, [word]);
    else words.push(word);
  }
  const name = args.text(0);
  const parts = [...wordsOf].map(([shard, words]) => ({
    shard,
    args: Arguments.of([name, ...words.map((word) => args.text(word))]),
  }));
  return { parts, words: [...wordsOf.values()] };
}

/** How the replies of all parts become one, where none of them is an error. */
export function merger(
  spec: CommandSpec<Keyspace>,
  words: readonly (readonly number[])[] | undefined,
): (replies: readonly Reply[]) => Reply {
  return (replies) => {
    const failed = replies.filter((reply) => reply instanceof ErrorReply);
    if (failed.length > 0) return errorOf(spec, failed, replies.length);
    if (typeof replies[0] === "number") return replies.reduce<number>((sum, reply) => sum + Number(reply), 0);
    if (words !== undefined) return inPlaces(replies, words);
    if (Array.isArray(replies[0])) return replies.flatMap((reply) => (Array.isArray(reply) ? reply : []));
    return replies[0] ?? null;
  };
}

/** Each shard carries out its part or not: what some did, or may have done, cannot be called "not done". */
function errorOf(spec: CommandSpec<Keyspace>, failed: readonly ErrorReply[], count: number): ErrorReply {
  const error = failed.find(isUncertain) ?? (failed[0] as ErrorReply);
  if (!isWrite(spec) || failed.length === count) return error;
  return uncertain(`${failed.length} of the ${count} shards concerned did not carry it out (${error.text})`);
}

function isUncertain({ text }: ErrorReply): boolean {
  return text.startsWith("UNCERTAIN ");
}

/** Arrays of one item a key, put back into the order of the keys. */
function inPlaces(replies: readonly Reply[], words: readonly (readonly number[])[]): Reply {
  const items: Reply[] = [];
  for (const [part, reply] of replies.entries()) {
    if (!Array.isArray(reply)) continue;
    for (const [at, word] of (words[part] ?? []).entries()) items[word - 1] = reply[at] ?? null;
  }
  return items;
}
