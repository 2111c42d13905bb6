import { expect, test } from "vitest";
import { formatPeers, parsePeers } from "./peer-list.ts";

test("peers are read in the order of their names, and written back", () => {
  const peers = parsePeers("n2=db2.internal:17002, n1=127.0.0.1:17001,n3=[::1]:17003");
  expect(peers).toEqual([
    { name: "n1", host: "127.0.0.1", port: 17001 },
    { name: "n2", host: "db2.internal", port: 17002 },
    { name: "n3", host: "::1", port: 17003 },
  ]);
  expect(parsePeers(formatPeers(peers))).toEqual(peers);
});

test.for([
  "",
  "n1",
  "n1=",
  "n1=127.0.0.1",
  "n1=:17001",
  "=127.0.0.1:1",
  "n1=127.0.0.1:0",
  "n1=127.0.0.1:65536",
  "n1=::1:17001",
  "n1=a:1,",
  "n1=a:1;n2=b:2",
])("%j cannot be read", (text) => {
  expect(() => parsePeers(text)).toThrow("It lists every node as name=host:port, such as n1=127.0.0.1:17001");
});

test.for([
  { text: "n1=a:1,n1=b:2", complaint: '"n1" twice' },
  { text: "n1=a:1,n2=a:1", complaint: 'a:1 to both "n1" and "n2"' },
  { text: Array.from({ length: 10 }, (_, at) => `n${at}=a:${at + 1}`).join(","), complaint: "at most 9 vote" },
])("refused: $complaint", ({ text, complaint }) => {
  expect(() => parsePeers(text)).toThrow(complaint);
});
