import { afterEach, expect, test } from "vitest";
import { Opened } from "../../test/server/clients.ts";
import { background } from "../channels/index.ts";
import type { JoinGrant, JoinRequest } from "../cluster/index.ts";
import { listenTcp } from "../net/index.ts";
import { createNodePlatform, silentLogger } from "../platform/index.ts";
import { type JoinOptions, joinCluster } from "./join-request.ts";

const opened = new Opened();

afterEach(() => opened.close());

const directoryId = "4".repeat(32);

async function grantFor({ directoryId: id, name, peerAddress }: JoinRequest): Promise<JoinGrant> {
  const joined = { id: 2, name, state: "joining", directoryId: id, peerAddress } as const;
  const first = { id: 1, name: "n1", state: "active", directoryId: undefined, peerAddress: undefined } as const;
  const cluster = { clusterId: "c".repeat(32), names: ["n1"], shardCount: 1, replicaCount: 3 };
  return { ...cluster, nodeId: 2, members: [first, joined] };
}

/** What a node is told that asks at `port`. */
function join(port: number, changes: Partial<JoinOptions> = {}): Promise<JoinGrant> {
  const options: JoinOptions = {
    at: { host: "127.0.0.1", port },
    password: undefined,
    secret: "the cluster's secret",
    name: "n4",
    zone: undefined,
    weight: undefined,
    clusterId: undefined,
    peer: { host: undefined, port: 17_004 },
    waitMsMax: 0,
    random: createNodePlatform().random,
    logger: silentLogger,
    context: background(),
    ...changes,
  };
  return joinCluster(options, directoryId);
}

test("the cluster is told all that was said, and where the node is as seen from there", async () => {
  const served = await opened.start({ password: "sesame" });
  const asked: JoinRequest[] = [];
  served.node.admit = async (request) => {
    asked.push(request);
    return await grantFor(request);
  };
  expect(await join(served.port, { zone: "east", weight: 300 })).toMatchObject({ nodeId: 2 });
  expect(await join(served.port, { peer: { host: "db4.internal", port: 9 } })).toMatchObject({ nodeId: 2 });
  expect(await join(served.port, { peer: { host: undefined, port: 0 } })).toMatchObject({ nodeId: 2 });
  const usual = { directoryId, name: "n4" };
  expect(asked).toEqual([
    { ...usual, peerAddress: { host: "127.0.0.1", port: 17_004 }, zone: "east", weight: 300 },
    { ...usual, peerAddress: { host: "db4.internal", port: 9 } },
    { ...usual, peerAddress: undefined },
  ]);
});

test("a cluster that cannot decide is asked again, and the same directory joins", async () => {
  const served = await opened.start();
  let count = 0;
  served.node.admit = (request) => (++count === 1 ? Promise.reject(new Error("nobody leads")) : grantFor(request));
  expect(await join(served.port, { waitMsMax: 20_000 })).toMatchObject({ nodeId: 2 });
  expect(count).toBe(2);
});

test("a password is given where it is asked for", async () => {
  const served = await opened.start({ password: "sesame" });
  served.node.secret = undefined;
  const refused = (text: RegExp) =>
    expect.objectContaining({ code: "JOIN_REFUSED", message: expect.stringMatching(text) });
  await expect(join(served.port, { secret: undefined })).rejects.toThrow(refused(/asks for its password/));
  await expect(join(served.port, { secret: undefined, password: "no" })).rejects.toThrow(
    refused(/does not accept this password/),
  );
  await expect(join(served.port, { secret: "some secret", password: "sesame" })).rejects.toThrow(
    refused(/cluster without a secret/),
  );
});

test("a cluster that never decides, or is not there, is given up with its reason", async () => {
  const served = await opened.start();
  await expect(join(served.port)).rejects.toThrow(expect.objectContaining({ code: "JOIN_UNDECIDED" }));
  await served.server.close();
  await expect(join(served.port)).rejects.toThrow(
    expect.objectContaining({
      code: "NO_ANSWER",
      message: `Nothing answers at 127.0.0.1:${served.port}. Give --join the Redis port of a node that runs.`,
    }),
  );
});

test("another program is told apart", async () => {
  const listener = await listenTcp("127.0.0.1:0");
  const outcome = join(listener.address.port).catch((error: unknown) => error);
  const connection = await listener.accept();
  if (typeof connection === "symbol") throw new Error("nobody came");
  await connection.write("HTTP/1.1 400\r\n");
  expect(await outcome).toMatchObject({
    code: "JOIN_REFUSED",
    message: expect.stringMatching(/does not speak the Redis protocol/),
  });
  connection.destroy();
  await listener.close();
});

test("asking ends when it is told to", async () => {
  const served = await opened.start();
  const [context, cancel] = background().withCancel();
  let count = 0;
  served.node.admit = () => {
    if (++count === 1) setImmediate(cancel);
    return Promise.reject(new Error("nobody leads"));
  };
  await expect(join(served.port, { waitMsMax: 60_000, context })).rejects.toThrow(
    expect.objectContaining({ code: "CANCELLED" }),
  );
  expect(count).toBe(1);
});
