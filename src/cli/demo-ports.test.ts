import { createServer, type Server } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createNodePlatform } from "../platform/index.ts";
import { choosePorts } from "./demo-ports.ts";
import { probePort } from "./free-port.ts";

const { random } = createNodePlatform();
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A port on which somebody listens until the end of the test. */
function occupiedPort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

test("port 0 takes free ones, all different, below those of outgoing connections", async () => {
  const nodes = await choosePorts(random, 5, {
    port: 0,
    clusterPort: undefined,
    httpPort: undefined,
    peerPort: undefined,
  });
  const ports = nodes.flatMap(({ redis, cluster, http, peer }) => [redis, cluster, http, peer]);
  expect(new Set(ports).size).toBe(20);
  for (const port of ports) expect(port).toSatisfy((value: number) => value >= 20_000 && value < 32_000);
});

test("a port that is in use is refused with the cure", async () => {
  const port = await occupiedPort();
  await expect(choosePorts(random, 1, { port, clusterPort: 0, httpPort: 0, peerPort: 0 })).rejects.toMatchObject({
    code: "PORT_UNAVAILABLE",
    port,
    message: expect.stringMatching(
      /^Port \d+ is in use by another program \(127\.0\.0\.1:\d+\)\. Stop that program, or move the demo with --port/,
    ),
  });
});

test("an address that this machine lacks is refused", async () => {
  await expect(probePort({ host: "203.0.113.77", port: 0 }, "Stop that program.")).rejects.toMatchObject({
    code: "PORT_UNAVAILABLE",
    message: expect.stringContaining("this machine does not have that address (203.0.113.77:0). Give an address"),
  });
});

test.for([
  {
    wishes: { port: 65_535, clusterPort: 0, httpPort: 0, peerPort: 0 },
    complaint: "--port 65535 leaves no room for 3 nodes",
  },
  {
    wishes: { port: 0, clusterPort: 0, httpPort: 0, peerPort: 65_534 },
    complaint: "--peer-port 65534 leaves no room for 3 nodes",
  },
  { wishes: { port: 56_000, clusterPort: 0, httpPort: 0, peerPort: undefined }, complaint: "or give --peer-port" },
  {
    wishes: { port: 7001, clusterPort: 0, httpPort: 0, peerPort: 7003 },
    complaint: "Port 7003 would serve both clients and peers",
  },
  {
    wishes: { port: 7001, clusterPort: 7003, httpPort: 0, peerPort: 0 },
    complaint: "Port 7003 would be both a plain and a cluster",
  },
  { wishes: { port: 65_500, clusterPort: undefined, httpPort: 0, peerPort: 0 }, complaint: "or give --cluster-port" },
  {
    wishes: { port: 7001, clusterPort: 0, httpPort: 7003, peerPort: 0 },
    complaint: "would serve both HTTP and something",
  },
  { wishes: { port: 65_000, clusterPort: 0, httpPort: undefined, peerPort: 0 }, complaint: "or give --http-port" },
])("refused: $complaint", async ({ wishes, complaint }) => {
  await expect(choosePorts(random, 3, wishes)).rejects.toThrow(complaint);
});
