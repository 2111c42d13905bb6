/** The ports of a demo's nodes. */
import { type Random, randomInteger } from "../platform/index.ts";
import { clusterPortOf, httpPortOf, peerPortOf } from "./argument.ts";
import { probePort } from "./free-port.ts";
import { PortUnavailableError, UsageError } from "./refusal.ts";

export interface NodePorts {
  readonly redis: number;
  readonly cluster: number;
  readonly http: number;
  readonly peer: number;
}

export interface PortWishes {
  /** The first node's Redis port; the others follow. 0: any free ones. */
  readonly port: number;
  /** The first node's port for clients of Redis Cluster; the others follow. Undefined: `port` + 100. */
  readonly clusterPort: number | undefined;
  /** The first node's port for HTTP; the others follow. Undefined: `port` + 1000. */
  readonly httpPort: number | undefined;
  /** The first node's port for peers; the others follow. Undefined: `port` + 10000. */
  readonly peerPort: number | undefined;
}

const host = "127.0.0.1";

/** Below the range from which the systems take ports for outgoing connections: what is free here stays free. */
const anyPortRange = { min: 20_000, max: 31_999 } as const;
const triesMax = 200;

/**
 * Ports that were free a moment ago, four a node.
 * @throws USAGE, PORT_UNAVAILABLE
 */
export async function choosePorts(random: Random, count: number, wishes: PortWishes): Promise<readonly NodePorts[]> {
  const redis = rangeOf("--port", wishes.port, count);
  const peers = wishes.peerPort === undefined ? redis.map(peerPortOf) : rangeOf("--peer-port", wishes.peerPort, count);
  const clusterPorts =
    wishes.clusterPort === undefined ? redis.map(clusterPortOf) : rangeOf("--cluster-port", wishes.clusterPort, count);
  const httpPorts =
    wishes.httpPort === undefined ? redis.map(httpPortOf) : rangeOf("--http-port", wishes.httpPort, count);
  const overlap = [...redis, ...clusterPorts].find((port) => port !== 0 && peers.includes(port));
  if (overlap !== undefined)
    throw new UsageError(`Port ${overlap} would serve both clients and peers. Move --peer-port.`);
  const shared = redis.find((port) => port !== 0 && clusterPorts.includes(port));
  if (shared !== undefined)
    throw new UsageError(`Port ${shared} would be both a plain and a cluster port. Move --cluster-port.`);
  const alsoHttp = httpPorts.find((port) => port !== 0 && [...redis, ...clusterPorts, ...peers].includes(port));
  if (alsoHttp !== undefined)
    throw new UsageError(`Port ${alsoHttp} would serve both HTTP and something else. Move --http-port.`);
  const taken = new Set<number>();
  const ports: NodePorts[] = [];
  for (const [index, port] of redis.entries()) {
    const cure = `Stop that program, or move the demo with --port (or --cluster-port, --http-port, --peer-port), such as --port ${movedPort(wishes.port)}.`;
    ports.push({
      redis: await takePort(random, port, taken, cure),
      cluster: await takePort(random, clusterPorts[index] ?? 0, taken, cure),
      http: await takePort(random, httpPorts[index] ?? 0, taken, cure),
      peer: await takePort(random, peers[index] ?? 0, taken, cure),
    });
  }
  return ports;
}

/** `count` ports from `first` on, or zeros. @throws USAGE */
function rangeOf(flag: string, first: number, count: number): readonly number[] {
  if (first + count - 1 > 65_535)
    throw new UsageError(`${flag} ${first} leaves no room for ${count} nodes below 65536. Take a lower one.`);
  return Array.from({ length: count }, (_, index) => (first === 0 ? 0 : first + index));
}

async function takePort(random: Random, port: number, taken: Set<number>, cure: string): Promise<number> {
  const chosen = port === 0 ? await anyPort(random, taken) : await probePort({ host, port }, cure);
  taken.add(chosen);
  return chosen;
}

async function anyPort(random: Random, taken: ReadonlySet<number>): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = randomInteger(random, anyPortRange);
    if (taken.has(port)) continue;
    try {
      return await probePort({ host, port }, "");
    } catch (error) {
      if (!(error instanceof PortUnavailableError)) throw error;
    }
  }
  return probePort({ host, port: 0 }, "");
}

function movedPort(port: number): number {
  return port + 300 <= 55_000 ? port + 300 : 7_301;
}
