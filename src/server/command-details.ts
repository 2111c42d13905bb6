import { aclCategories, type CommandArgument, type CommandSpec, type KeySpecification } from "../keyspace/index.ts";
import { MapReply, type Reply, SetReply, SimpleString } from "../resp/index.ts";

/** The ten elements of `COMMAND INFO`. A subcommand's full name has its container in front. */
export function commandInfo(spec: CommandSpec<never>, container?: string): Reply {
  const name = fullName(spec, container);
  return [
    name,
    spec.arity,
    simpleSet(spec.flags),
    spec.keys?.first ?? 0,
    spec.keys?.last ?? 0,
    spec.keys?.step ?? 0,
    simpleSet(aclCategories(spec).map((category) => `@${category}`)),
    new SetReply(spec.tips),
    new SetReply(spec.keySpecifications.map(keySpecification)),
    new SetReply(spec.subcommands.map((subcommand) => commandInfo(subcommand, name))),
  ];
}

/** The name, and what `COMMAND DOCS` says under it. */
export function commandDocs(spec: CommandSpec<never>, container?: string): [string, Reply] {
  const name = fullName(spec, container);
  const docs: Reply[] = ["summary", spec.summary, "since", spec.since, "group", spec.group];
  if (spec.complexity !== "") docs.push("complexity", spec.complexity);
  if (spec.isSystemCommand === true) docs.push("doc_flags", simpleSet(["syscmd"]));
  if (spec.deprecation !== undefined) {
    docs.push("doc_flags", simpleSet(["deprecated"]));
    docs.push("deprecated_since", spec.deprecation.since, "replaced_by", spec.deprecation.replacedBy);
  }
  if (spec.history !== undefined) docs.push("history", new SetReply(spec.history.map((change) => [...change])));
  if (spec.arguments !== undefined) docs.push("arguments", spec.arguments.map(argumentDocs));
  if (spec.subcommands.length > 0)
    docs.push("subcommands", new MapReply(spec.subcommands.flatMap((subcommand) => commandDocs(subcommand, name))));
  return [name, new MapReply(docs)];
}

function argumentDocs(argument: CommandArgument): Reply {
  const docs: Reply[] = ["name", argument.name, "type", argument.type];
  if (argument.keySpecification !== undefined) docs.push("key_spec_index", argument.keySpecification);
  if (argument.token !== undefined) docs.push("token", argument.token);
  if (argument.since !== undefined) docs.push("since", argument.since);
  if (argument.deprecatedSince !== undefined) docs.push("deprecated_since", argument.deprecatedSince);
  if (argument.flags !== undefined) docs.push("flags", simpleSet(argument.flags));
  if (argument.arguments !== undefined) docs.push("arguments", argument.arguments.map(argumentDocs));
  return new MapReply(docs);
}

function fullName(spec: CommandSpec<never>, container: string | undefined): string {
  const name = spec.name.toLowerCase();
  return container === undefined ? name : `${container}|${name}`;
}

function simpleSet(words: readonly string[]): SetReply {
  return new SetReply(words.map((word) => new SimpleString(word)));
}

function keySpecification({ flags, notes, begin, find }: KeySpecification): Reply {
  return new MapReply([
    ...(notes === undefined ? [] : ["notes", notes]),
    "flags",
    simpleSet(flags),
    "begin_search",
    new MapReply(["type", begin.kind, "spec", new MapReply(beginFields(begin))]),
    "find_keys",
    new MapReply(["type", find.kind, "spec", new MapReply(findFields(find))]),
  ]);
}

function beginFields(begin: KeySpecification["begin"]): Reply[] {
  switch (begin.kind) {
    case "index":
      return ["index", begin.index];
    case "keyword":
      return ["keyword", begin.keyword, "startfrom", begin.from];
    case "unknown":
      return [];
  }
}

function findFields(find: KeySpecification["find"]): Reply[] {
  switch (find.kind) {
    case "range":
      return ["lastkey", find.last, "keystep", find.step, "limit", find.limit];
    case "keynum":
      return ["keynumidx", find.keynum, "firstkey", find.firstKey, "keystep", find.step];
    case "unknown":
      return [];
  }
}
