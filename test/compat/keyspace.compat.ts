/**
 * Redis 7.0 itself as the oracle: the same commands to both, the same bytes from both. Run by `npm run compat`; needs
 * redis-server on the PATH. COMPAT_SEED and COMPAT_COMMANDS choose another run.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeReply, type Reply } from "../../src/resp/index.ts";
import { type Draw, drawFrom, RandomCommands } from "../keyspace/random-commands.ts";
import { Replica } from "../keyspace/replica.ts";
import { RedisServer } from "./redis-server.ts";

const seed = Number(process.env.COMPAT_SEED ?? Date.now() % 1_000_000);
const commandCount = Number(process.env.COMPAT_COMMANDS ?? 100_000);
/** Both sides read their own clocks, this far apart at most. */
const clockToleranceMs = 2_000;

let redis: RedisServer;

beforeAll(async () => {
  redis = await RedisServer.start();
});

afterAll(() => redis.close());

function shown(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(" ");
}

/** The reply's bytes, with what may differ taken out. */
function comparable(words: readonly string[], reply: Reply): string {
  const name = (words[0] ?? "").toLowerCase();
  if (name === "keys" && Array.isArray(reply)) return encodeReply([...reply].toSorted(), 2);
  if (name === "scan" && Array.isArray(reply) && Array.isArray(reply[1])) {
    // Only a scan that sees all keys gives the same on both sides.
    if (!words.includes("1000")) return "a part";
    return encodeReply([reply[0] as Reply, [...(reply[1] as Reply[])].toSorted()], 2);
  }
  return encodeReply(reply, 2);
}

/** Whether both are answers about clocks and near enough to each other. */
function isNear(words: readonly string[], ours: Reply, theirs: Reply): boolean {
  const unitMs = { pttl: 1, pexpiretime: 1, ttl: 1_000, expiretime: 1_000 }[(words[0] ?? "").toLowerCase()];
  if (unitMs === undefined || !(Number(ours) > 0 && Number(theirs) > 0)) return false;
  return Math.abs(Number(ours) - Number(theirs)) * unitMs <= clockToleranceMs;
}

async function compare(commands: readonly string[][], replica: Replica): Promise<void> {
  const theirs = await redis.run(commands);
  for (const [at, words] of commands.entries()) {
    const reply = replica.run(words, Date.now());
    const ours = comparable(words, reply);
    const expected = comparable(words, theirs[at] as Reply);
    if (ours !== expected && !isNear(words, reply, theirs[at] as Reply)) {
      const before = commands.slice(Math.max(0, at - 12), at + 1).map(shown);
      expect(ours, `seed ${seed}; the last commands:\n${before.join("\n")}\n`).toBe(expected);
    }
  }
}

test(`${commandCount} random commands are answered as Redis answers them (seed ${seed})`, async () => {
  await redis.run([["flushall"]]);
  const replica = new Replica();
  const commands = new RandomCommands(drawFrom(seed), { nowMs: Date.now() });
  for (let done = 0; done < commandCount; done += 100) {
    await compare(
      Array.from({ length: 100 }, () => commands.next()),
      replica,
    );
  }
}, 600_000);

/** A number in one of the ways that people and programs write them. */
function number(draw: Draw): string {
  const digits = (count: number): string => Array.from({ length: count }, () => draw(10)).join("");
  const sign = ["", "-", "+"][draw(3)];
  const whole = draw(4) === 0 ? "" : digits(1 + draw(draw(3) === 0 ? 40 : 8));
  const fraction = draw(3) === 0 ? "" : `.${digits(draw(draw(3) === 0 ? 60 : 19))}`;
  const power = draw(3) === 0 ? `e${["", "-", "+"][draw(3)]}${draw(draw(3) === 0 ? 5_200 : 25)}` : "";
  if (draw(12) === 0) return `${sign}0x${draw(65_536).toString(16)}.${draw(65_536).toString(16)}p-${draw(90)}`;
  return `${sign}${whole}${fraction}${power}`;
}

test(`INCRBYFLOAT rounds and prints as C's long double does (seed ${seed})`, async () => {
  const draw = drawFrom(seed);
  await redis.run([["flushall"]]);
  const replica = new Replica();
  for (let done = 0; done < commandCount / 5; done += 100) {
    const pairs = Array.from({ length: 50 }, () => {
      const set = ["set", "f", draw(2) === 0 ? number(draw) : "0.1"];
      return [draw(3) === 0 ? set : ["get", "f"], ["incrbyfloat", "f", number(draw)]];
    });
    await compare(pairs.flat(), replica);
  }
});

test(`patterns match what they match in Redis (seed ${seed})`, async () => {
  const draw = drawFrom(seed);
  const text = (alphabet: string, lengthMax: number): string =>
    Array.from({ length: draw(lengthMax + 1) }, () => alphabet[draw(alphabet.length)]).join("");
  await redis.run([["flushall"]]);
  const replica = new Replica();
  const keys = Array.from({ length: 150 }, () => ["set", text("ab]^-\\*\x00\xe9", 7), "v"]);
  await compare([["set", "", "v"], ...keys], replica);
  for (let done = 0; done < commandCount / 10; done += 50) {
    const patterns = Array.from({ length: 50 }, () => ["keys", text("**??[]^-\\aabb\x00\xe9\x7f", 12)]);
    await compare(patterns, replica);
  }
});

test(`LCS finds the same matches as Redis (seed ${seed})`, async () => {
  const draw = drawFrom(seed);
  const text = (): string => Array.from({ length: draw(60) }, () => "abcd"[draw(4)]).join("");
  const replica = new Replica();
  for (let done = 0; done < commandCount / 20; done += 4) {
    const options = [[], ["len"], ["idx"], ["idx", "withmatchlen", "minmatchlen", String(draw(5))]];
    await compare([["mset", "a", text(), "b", text()], ...options.map((more) => ["lcs", "a", "b", ...more])], replica);
  }
});
