import { isInstalled } from "../conditions.ts";
import { type LoadRequest, runLoad } from "../load/run-load.ts";
import { startCoterie } from "../systems/coterie.ts";
import { settleEtcd, startEtcd } from "../systems/etcd.ts";
import { startReplicatedRedis, startVolatileRedis } from "../systems/redis.ts";
import type { Premises, System } from "../systems/system.ts";

/** The stores that are measured, each started at most once a run. */
export type SystemName = "coterie" | "redisDurable" | "redisVolatile" | "etcd";

/** A store and a way to put load on it. */
export type ContenderName = "coterie" | "coterieSpread" | "redisDurable" | "redisVolatile" | "etcd" | "etcdShared";

export interface Contender {
  readonly label: string;
  readonly system: SystemName;
  /** The load on a running store for `clients` closed loops. */
  request(system: System, clients: number): Promise<Pick<LoadRequest, "protocol" | "targets"> & Partial<LoadRequest>>;
}

const onLeader = async (system: System) => ({ targets: [await system.leader()] });

export const contenders: Readonly<Record<ContenderName, Contender>> = {
  coterie: {
    label: "Coterie",
    system: "coterie",
    request: async (system, clients) => ({ protocol: "resp", connections: clients, ...(await onLeader(system)) }),
  },
  coterieSpread: {
    label: "Coterie, clients spread",
    system: "coterie",
    request: (system, clients) => Promise.resolve({ protocol: "resp", connections: clients, targets: system.targets }),
  },
  redisDurable: {
    label: "Redis + WAIT 1",
    system: "redisDurable",
    request: async (system, clients) => ({
      protocol: "resp",
      connections: clients,
      waitReplicas: 1,
      ...(await onLeader(system)),
    }),
  },
  redisVolatile: {
    label: "Redis, no persistence",
    system: "redisVolatile",
    request: async (system, clients) => ({ protocol: "resp", connections: clients, ...(await onLeader(system)) }),
  },
  etcd: {
    label: "etcd",
    system: "etcd",
    request: async (system, clients) => ({ protocol: "etcd", connections: clients, ...(await onLeader(system)) }),
  },
  etcdShared: {
    label: "etcd, few connections",
    system: "etcd",
    request: async (system, clients) => {
      const streams = clients >= 256 ? 8 : 5;
      return { protocol: "etcd", connections: clients / streams, streams, ...(await onLeader(system)) };
    },
  },
};

export const systemLabels: Readonly<Record<SystemName, string>> = {
  coterie: "Coterie",
  redisDurable: "Redis + WAIT 1",
  redisVolatile: "Redis, no persistence",
  etcd: "etcd",
};

/** Why a store cannot be measured here; absent if it can. */
export function absenceOf(name: SystemName): string | undefined {
  if (name === "coterie") return undefined;
  const program = name === "etcd" ? "etcd" : "redis-server";
  return isInstalled(program) ? undefined : `${program} is not on the PATH`;
}

/** Starts a store and puts all `keyCount` keys into it, so that every read finds its key. */
export async function startFilled(name: SystemName, premises: Premises): Promise<System> {
  const system = await starters[name](premises);
  const target = await system.leader();
  const protocol = name === "etcd" ? "etcd" : "resp";
  await runLoad({ protocol, operation: "fill", targets: [target], connections: 8, pipeline: 100 });
  if (name === "etcd") await settleEtcd(target);
  return system;
}

const starters: Readonly<Record<SystemName, (premises: Premises) => Promise<System>>> = {
  coterie: startCoterie,
  redisDurable: startReplicatedRedis,
  redisVolatile: startVolatileRedis,
  etcd: startEtcd,
};
