import { expect, test } from "vitest";
import type { Password } from "./password.ts";
import { parsePeers } from "./peer-list.ts";
import type { Settings } from "./settings.ts";
import type { StartFlags } from "./start-command.ts";
import { planStart, type StartContext } from "./start-plan.ts";

const local = parsePeers("n1=127.0.0.1:17001,n2=127.0.0.1:17002,n3=127.0.0.1:17003");
const remote = parsePeers("n1=10.0.0.1:17001,n2=10.0.0.2:17001,n3=10.0.0.3:17001");
const alone = parsePeers("solo=127.0.0.1:17001");
const password: Password = { text: "long", file: undefined, warning: undefined };
const secret = "0123456789abcdef";

const settings: Settings = {
  bind: "127.0.0.1",
  port: 7301,
  clusterPort: undefined,
  httpPort: undefined,
  peerBind: undefined,
  peerPort: 27301,
  join: undefined,
  needsPassword: false,
  passwordFile: undefined,
};

function plan(flags: Partial<StartFlags>, context: Partial<StartContext> = {}): ReturnType<typeof planStart> {
  const fresh = { directory: "/data/n1", settings: undefined, hasNode: false, password: undefined, secret: undefined };
  return planStart({ logLevel: "info", ...flags }, { ...fresh, ...context });
}

test("a first start on loopback takes the defaults", () => {
  expect(plan({ name: "n1", peers: local })).toEqual({
    name: "n1",
    peers: local,
    secret: { kind: "open" },
    settings: {
      bind: "127.0.0.1",
      port: 7001,
      peerBind: undefined,
      peerPort: undefined,
      join: undefined,
      needsPassword: false,
      passwordFile: undefined,
    },
  });
});

test("a later start goes on as the directory remembers", () => {
  expect(plan({}, { hasNode: true, settings })).toEqual({
    name: undefined,
    peers: undefined,
    secret: undefined,
    settings,
  });
});

test("flags of a later start change what is remembered", () => {
  const changed = plan({ port: 7401, peers: remote }, { hasNode: true, settings });
  expect(changed).toMatchObject({ peers: remote, settings: { ...settings, port: 7401 } });
});

test("a cluster of one node has a name and a secret of its own", () => {
  expect(plan({ peers: alone })).toMatchObject({ name: "solo", secret: { kind: "random" } });
});

const at = { host: "10.0.0.1", port: 7001 };

test.for<{ what: string; flags: Partial<StartFlags>; peer: { host: string | undefined; port: number } }>([
  { what: "its Redis port + 10000", flags: { port: 7004 }, peer: { host: undefined, port: 17_004 } },
  { what: "--peer-port", flags: { peerPort: 5, peerBind: "10.0.0.4" }, peer: { host: "10.0.0.4", port: 5 } },
  {
    what: "--peer-port, from all addresses",
    flags: { peerPort: 5, peerBind: "::" },
    peer: { host: undefined, port: 5 },
  },
  {
    what: "--peer-address",
    flags: { peerAddress: { host: "db4", port: 9 }, peerBind: "0.0.0.0" },
    peer: { host: "db4", port: 9 },
  },
])("a node that joins is reached at $what", ({ flags, peer }) => {
  const { peerAddress } = flags;
  expect(plan({ name: "n4", join: at, zone: "east", ...flags }, { secret })).toMatchObject({
    name: "n4",
    peers: undefined,
    join: { at, peer },
    zone: "east",
    weight: undefined,
    peerAddress,
    secret: { kind: "given", text: secret },
  });
});

test("a node that has joined needs not be told again; its zone and weight may change", () => {
  expect(plan({ join: at, zone: "east", weight: 7 }, { hasNode: true, settings })).toMatchObject({
    join: { at },
    zone: "east",
    weight: 7,
    peers: undefined,
    secret: undefined,
  });
});

test("a cluster without a secret is joined without one", () => {
  expect(plan({ name: "n4", join: at })).toMatchObject({ secret: undefined });
});

test("a given secret is taken", () => {
  expect(plan({ name: "n1", peers: remote }, { secret })).toMatchObject({ secret: { kind: "given", text: secret } });
});

test("a password opens the port to other machines", () => {
  expect(plan({ name: "n1", peers: local, bind: "0.0.0.0" }, { password, secret })).toMatchObject({
    settings: { bind: "0.0.0.0", needsPassword: true },
  });
});

test("a node that had a password is opened only on purpose", () => {
  const context = { hasNode: true, settings: { ...settings, needsPassword: true } };
  expect(() => plan({}, context)).toThrow("passwords are not remembered. Set COTERIE_PASSWORD");
  expect(plan({ openAccess: true }, context)).toMatchObject({ settings: { needsPassword: false } });
});

test.for<{ code: string; flags: Partial<StartFlags>; context?: Partial<StartContext>; text: string }>([
  { code: "PEERS_MISSING", flags: {}, text: "/data/n1 holds no node yet; its first start needs --name and --peers" },
  { code: "PEERS_MISSING", flags: { name: "db" }, text: "such as --name db --peers n1=" },
  { code: "PEERS_MISSING", flags: {}, context: { directory: undefined }, text: "A node in memory needs --name" },
  { code: "USAGE", flags: { peers: local }, text: "Which of n1, n2, n3 is this node? Say so with --name" },
  { code: "USAGE", flags: { name: "n4", peers: local }, text: "--name n4 is not among the --peers (n1, n2, n3)" },
  {
    code: "USAGE",
    flags: { name: "n1", peers: local },
    context: { secret: "short" },
    text: "fewer than 16 characters",
  },
  { code: "SECRET_REQUIRED", flags: { name: "n1", peers: remote }, text: "Nodes that others can reach (10.0.0.1)" },
  {
    code: "SECRET_REQUIRED",
    flags: { name: "n1", peers: local, bind: "0.0.0.0" },
    context: { password },
    text: "give every node --secret-file cluster-secret at its first start",
  },
  {
    code: "SECRET_REQUIRED",
    flags: { name: "n1", peers: local, peerBind: "0.0.0.0" },
    text: "Nodes that others can reach (0.0.0.0)",
  },
  { code: "PEERS_MISSING", flags: {}, text: "To join a cluster that runs, give --join" },
  { code: "USAGE", flags: { join: at, name: "n4", peers: local }, text: "--join and --peers exclude each other" },
  { code: "USAGE", flags: { join: at, name: "n4", shards: 2 }, text: "settled when a cluster is created" },
  { code: "USAGE", flags: { join: at, name: "n4", replicas: 2 }, text: "settled when a cluster is created" },
  { code: "USAGE", flags: { join: at }, text: "Give it a --name that no other node has" },
  { code: "USAGE", flags: { join: at, name: "n4" }, context: { directory: undefined }, text: "in memory cannot join" },
  {
    code: "USAGE",
    flags: { name: "n1", peers: local, peerAddress: at },
    text: "--peer-address is for a node that joins",
  },
  {
    code: "SECRET_REQUIRED",
    flags: { join: at, name: "n4", peerBind: "0.0.0.0" },
    text: "A node that others can reach (0.0.0.0) joins with the cluster's secret",
  },
  {
    code: "PASSWORD_REQUIRED",
    flags: { name: "n1", peers: local, bind: "10.0.0.1" },
    text: "--bind 10.0.0.1 would open the Redis port to other machines without a password. Set COTERIE_PASSWORD",
  },
])("refused with $code: $text", ({ code, flags, context, text }) => {
  const error = expect(() => plan(flags, context ?? {}));
  error.toThrow(expect.objectContaining({ code, message: expect.stringContaining(text) }));
});
