/** What the command table says of each command, against `COMMAND INFO` and `COMMAND DOCS` of Redis 7.0. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { aclCategories, type CommandSpec, commandTable, type Keyspace } from "../../src/keyspace/index.ts";
import { type Reply, SimpleString } from "../../src/resp/index.ts";
import { RedisServer } from "./redis-server.ts";

let redis: RedisServer;

beforeAll(async () => {
  redis = await RedisServer.start();
});

afterAll(() => redis.close());

/** Nested arrays with plain strings for simple ones. */
function plain(reply: Reply): unknown {
  if (reply instanceof SimpleString) return reply.text;
  return Array.isArray(reply) ? reply.map(plain) : reply;
}

/** A flat list of names and values as an object. */
function fields(list: unknown): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  if (!Array.isArray(list)) return object;
  for (let at = 0; at < list.length; at += 2) object[String(list[at])] = list[at + 1];
  return object;
}

function infoOf(spec: CommandSpec<Keyspace>, container = ""): unknown[] {
  return [
    `${container}${spec.name}`.toLowerCase(),
    spec.arity,
    spec.flags,
    spec.keys?.first ?? 0,
    spec.keys?.last ?? 0,
    spec.keys?.step ?? 0,
    aclCategories(spec).map((category) => `@${category}`),
    spec.tips,
    spec.keySpecifications.map((specification) => {
      const { begin, find } = specification;
      const spell = (kind: string, values: Record<string, number>): unknown => [
        "type",
        kind,
        "spec",
        Object.entries(values).flat(),
      ];
      expect([begin.kind, find.kind]).toEqual(["index", "range"]);
      if (begin.kind !== "index" || find.kind !== "range") return undefined;
      return [
        ...(specification.notes === undefined ? [] : ["notes", specification.notes]),
        "flags",
        specification.flags,
        "begin_search",
        spell("index", { index: begin.index }),
        "find_keys",
        spell("range", { lastkey: find.last, keystep: find.step, limit: find.limit }),
      ];
    }),
  ];
}

function expectDocs(spec: CommandSpec<Keyspace>, docs: Record<string, unknown>): void {
  const { summary, since, group, complexity } = spec;
  expect({ summary, since, group, complexity }).toEqual({
    summary: docs.summary,
    since: docs.since,
    group: docs.group,
    complexity: docs.complexity,
  });
  expect([spec.deprecation?.since, spec.deprecation?.replacedBy]).toEqual([docs.deprecated_since, docs.replaced_by]);
  expect(spec.history).toEqual(docs.history);
}

test.for(commandTable.specs.filter(({ group }) => group !== "coterie"))("$name", async (spec) => {
  const [infoReply, docsReply] = await redis.run([
    ["command", "info", spec.name],
    ["command", "docs", spec.name],
  ]);
  const info = (plain(infoReply as Reply) as unknown[][])[0] as unknown[];
  const docs = fields((plain(docsReply as Reply) as unknown[])[1]);
  expect(infoOf(spec)).toEqual(info.slice(0, 9));
  expectDocs(spec, docs);
  const subcommandInfos = info[9] as unknown[][];
  const subcommandDocs = fields(docs.subcommands);
  for (const subcommand of spec.subcommands) {
    const name = `${spec.name}|${subcommand.name}`.toLowerCase();
    expect(infoOf(subcommand, `${spec.name}|`)).toEqual(
      subcommandInfos.find((other) => other[0] === name)?.slice(0, 9),
    );
    expectDocs(subcommand, fields(subcommandDocs[name]));
  }
});
