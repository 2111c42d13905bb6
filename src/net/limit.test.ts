import { expect, test } from "vitest";
import { background } from "../channels/index.ts";
import type { Connection } from "./connection.ts";
import { anything } from "./json-message.ts";
import { JsonStream } from "./json-stream.ts";
import { RequestClient } from "./request-client.ts";
import { serveRequests } from "./request-server.ts";
import { dialTcp, listenTcp } from "./tcp.ts";
import { listenUdp } from "./udp.ts";

/** Refused before anything is done with it. */
const connection = { runtime: background().runtime } as unknown as Connection;

test.for<{ readonly name: string; readonly run: () => unknown }>([
  { name: "bytesMax", run: () => new JsonStream(connection, { schema: anything, bytesMax: 0 }) },
  { name: "depthMax", run: () => new JsonStream(connection, { schema: anything, depthMax: Number.NaN }) },
  { name: "framing", run: () => new JsonStream(connection, { schema: anything, framing: "xml" as "lines" }) },
  { name: "requestsMax", run: () => new RequestClient(connection, { requestsMax: 0 }) },
  { name: "concurrencyMax", run: () => serveRequests(connection, {}, { concurrencyMax: 0 }) },
  { name: "waitingMax", run: () => serveRequests(connection, {}, { waitingMax: -1 }) },
  { name: "pendingConnectionsMax", run: () => listenTcp("127.0.0.1:0", { pendingConnectionsMax: -1 }) },
  { name: "readBufferBytesMax", run: () => dialTcp("127.0.0.1:1", { readBufferBytesMax: 0.5 }) },
  { name: "pendingDatagramsMax", run: () => listenUdp("127.0.0.1:0", { pendingDatagramsMax: -1 }) },
  { name: "pendingSendsMax", run: () => listenUdp("127.0.0.1:0", { pendingSendsMax: 0 }) },
])("a $name that makes no sense is refused by its name", async ({ name, run }) => {
  await expect((async () => run())()).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringMatching(new RegExp(`^${name} is `)),
  });
});
