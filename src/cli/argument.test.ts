import { expect, test } from "vitest";
import {
  parseAddress,
  parseHost,
  parseLogLevel,
  parseNodeCount,
  parseNodeName,
  parsePort,
  parseRemotePort,
  parseReplicaCount,
  parseWeight,
  parseWhole,
  parseZone,
  peerPortOf,
} from "./argument.ts";

test.for([
  { text: "0", value: 0 },
  { text: "7001", value: 7001 },
  { text: "65535", value: 65535 },
])("port $text is taken", ({ text, value }) => {
  expect(parsePort("--port")(text)).toBe(value);
});

test.for(["", "-1", "65536", "7001x", "1e3", "0x10", " 7", "70.5", "99999999999"])("port %j is refused", (text) => {
  expect(() => parsePort("--port")(text)).toThrow(`--port takes a whole number from 0 to 65535, not "${text}".`);
});

test("nobody can be asked at port 0", () => {
  expect(() => parseRemotePort("--port")("0")).toThrow("from 1 to 65535");
});

test("a demo has one to nine nodes", () => {
  expect([parseNodeCount("1"), parseNodeCount("9")]).toEqual([1, 9]);
  expect(() => parseNodeCount("0")).toThrow("--nodes takes a whole number from 1 to 9");
  expect(() => parseNodeCount("10")).toThrow("--nodes takes a whole number from 1 to 9");
});

test("a range names its ends", () => {
  expect(() => parseWhole("--x", { min: 5, max: 6 }, "7")).toThrow('--x takes a whole number from 5 to 6, not "7".');
});

test.for(["n1", "N-1", "a.b_c", "0", "x".repeat(63)])("name %j is taken", (text) => {
  expect(parseNodeName(text)).toBe(text);
});

test.for(["", "-n", ".n", "n 1", "n=1", "n,1", "n/1", "ñ", "x".repeat(64)])("name %j is refused", (text) => {
  expect(() => parseNodeName(text)).toThrow("is no name for a node");
});

test("log levels are four", () => {
  expect(["debug", "info", "warn", "error"].map(parseLogLevel)).toEqual(["debug", "info", "warn", "error"]);
  expect(() => parseLogLevel("loud")).toThrow('--log-level takes debug, info, warn, error, not "loud".');
});

test.for(["127.0.0.1", "::1", "fe80::1", "db1.internal", "localhost", "0.0.0.0", "::"])("host %j is taken", (text) => {
  expect(parseHost("--bind")(text)).toBe(text);
});

test.for(["", "a b", "host:80", "[::1]", "-x", "a/b"])("host %j is refused", (text) => {
  expect(() => parseHost("--bind")(text)).toThrow("--bind takes an address or a host name without a port");
});

test("the peers' port is 10000 above the Redis port", () => {
  expect(peerPortOf(7001)).toBe(17001);
  expect(peerPortOf(0)).toBe(0);
  expect(() => peerPortOf(60_000)).toThrow("Take a --port of at most 55535, or give --peer-port.");
});

test.for([
  { text: "127.0.0.1:7001", address: { host: "127.0.0.1", port: 7_001 } },
  { text: "db1.internal:1", address: { host: "db1.internal", port: 1 } },
  { text: "[::1]:65535", address: { host: "::1", port: 65_535 } },
])("address $text is taken", ({ text, address }) => {
  expect(parseAddress("--join")(text)).toEqual(address);
});

test.for(["", "7001", "n1", "n1:", ":7001", "n1:0", "n1:65536", "::1:7001", "[::1]", "n1=127.0.0.1:7001", "a b:1"])(
  "address %j is refused",
  (text) => {
    expect(() => parseAddress("--join")(text)).toThrow(
      `--join takes host:port, such as 127.0.0.1:7001, not "${text}".`,
    );
  },
);

test("what a node and a cluster may be told has a range", () => {
  expect([parseReplicaCount("15"), parseWeight("10000"), parseZone("east-1")]).toEqual([15, 10_000, "east-1"]);
  expect(() => parseReplicaCount("16")).toThrow("--replicas takes a whole number from 1 to 15");
  expect(() => parseWeight("0")).toThrow("--weight takes a whole number from 1 to 10000");
  expect(() => parseZone("")).toThrow('"" is no name for a zone');
});
