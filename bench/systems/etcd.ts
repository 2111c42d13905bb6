import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { LoadTarget } from "../load/job.ts";
import type { Child } from "./children.ts";
import { freePort } from "./ports.ts";
import { loopback, type Premises, type System } from "./system.ts";
import { waitUntil } from "./wait-until.ts";

interface EtcdMember {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
}

/** Three members with etcd's own defaults, save a quota of 8 GiB, so that no run meets its end. */
export async function startEtcd(premises: Premises): Promise<System> {
  const members: EtcdMember[] = [];
  for (const name of ["etcd-1", "etcd-2", "etcd-3"]) {
    members.push({ name, clientPort: await freePort(), peerPort: await freePort() });
  }
  const cluster = members.map(({ name, peerPort }) => `${name}=http://${loopback}:${peerPort}`).join(",");
  const children = await Promise.all(members.map((member) => startMember(premises, member, cluster)));
  for (const [place, { name, clientPort }] of members.entries()) {
    const knowsLeader = async (): Promise<boolean> => (await status(clientPort)).leader !== undefined;
    await waitUntil(`${name} to know a leader`, knowsLeader, { child: children[place]! });
  }
  const targets = members.map(({ clientPort }) => ({ host: loopback, port: clientPort }));
  return {
    pids: children.map((child) => child.pid),
    targets,
    leader: async () => {
      for (const target of targets) {
        const { leader, header } = await status(target.port);
        if (leader === header.member_id) return target;
      }
      throw new Error("etcd has no leader");
    },
    stop: async () => {
      await Promise.all(children.map((child) => premises.children.stop(child)));
    },
  };
}

function startMember(premises: Premises, member: EtcdMember, cluster: string): Promise<Child> {
  const clientUrl = `http://${loopback}:${member.clientPort}`;
  const peerUrl = `http://${loopback}:${member.peerPort}`;
  const directory = mkdtempSync(join(premises.directory, `${member.name}-`));
  const settings = {
    name: member.name,
    "data-dir": directory,
    "listen-client-urls": clientUrl,
    "advertise-client-urls": clientUrl,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": cluster,
    "quota-backend-bytes": String(8 * 1024 ** 3),
    logger: "zap",
    "log-level": "warn",
  };
  return premises.children.start({
    name: member.name,
    command: "etcd",
    args: Object.entries(settings).map(([name, value]) => `--${name}=${value}`),
    logDirectory: premises.directory,
  });
}

interface EtcdStatus {
  /** Absent while no leader is known. */
  readonly leader?: string;
  readonly header: { readonly member_id: string };
}

async function status(port: number): Promise<EtcdStatus> {
  const response = await fetch(`http://${loopback}:${port}/v3/maintenance/status`, { method: "POST", body: "{}" });
  if (!response.ok) throw new Error(`etcd answered ${response.status} when asked for its status`);
  return (await response.json()) as EtcdStatus;
}

/**
 * Gives etcd its buffers back after a fill. etcd 3.4 copies its read buffer for every read, at the size that the largest
 * batch of writes gave it (with 100,000 keys filled 100 a transaction: 400 µs of CPU a read), and lets go of it at the
 * next commit that holds no key: granting leases makes such commits.
 */
export async function settleEtcd(target: LoadTarget): Promise<void> {
  for (let grant = 0; grant < 3; grant++) {
    const url = `http://${target.host}:${target.port}/v3/lease/grant`;
    const response = await fetch(url, { method: "POST", body: '{"TTL":3600}' });
    if (!response.ok) throw new Error(`etcd answered ${response.status} when asked for a lease`);
    await response.text();
    // Longer than etcd's batch interval of 100 ms.
    await sleep(300);
  }
}
