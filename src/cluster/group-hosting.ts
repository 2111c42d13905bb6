/** Which groups a node hosts, and how it comes to host them. */
import type { Keyspace } from "../keyspace/index.ts";
import type { NodeLog } from "../log/index.ts";
import type { PeerLinks } from "../net/index.ts";
import type { Clock } from "../platform/index.ts";
import type { LogIndex } from "../raft/index.ts";
import { replicaStopped } from "./errors.ts";
import { HostedGroup } from "./hosted-group.ts";
import type { HostedGroups } from "./hosted-groups.ts";
import type { NodeDirectory } from "./node-directory.ts";
import type { PeerTraffic } from "./peer-traffic.ts";
import type { ReplicaHost } from "./replica.ts";
import type { NodeSettings } from "./settings.ts";
import { groupSettings } from "./shard-group.ts";
import { SnapshotBudget } from "./snapshot-budget.ts";

export interface GroupHostingOptions {
  readonly groups: HostedGroups;
  readonly clock: Clock;
  readonly settings: NodeSettings;
  readonly directory: NodeDirectory;
  readonly log: NodeLog;
  /** By group, what its newest snapshot holds, or why that cannot be had. */
  readonly keyspaces: ReadonlyMap<number, Keyspace | Error>;
  readonly links: () => PeerLinks;
  readonly traffic: Pick<PeerTraffic, "announce" | "sendLost">;
  readonly host: ReplicaHost;
  readonly onOutput: () => void;
}

export class GroupHosting {
  constructor(options: GroupHostingOptions) {
    this.#options = options;
    this.#budget = new SnapshotBudget(options.clock, options.settings);
  }

  /** Hosts what this node has a replica of. */
  begin(): void {
    for (const { group } of this.#options.groups.places) this.#host(group);
  }

  readonly #options: GroupHostingOptions;
  readonly #budget: SnapshotBudget;

  #host(group: number): void {
    const { directory, keyspaces, traffic, settings, groups } = this.#options;
    const hosted: HostedGroup = new HostedGroup({
      ...this.#options,
      group,
      keyspace: keyspaces.get(group),
      budget: this.#budget,
      settings: groupSettings(settings, directory.record.shardCount),
      announce: (of, checksum) => traffic.announce(of, checksum),
      onDifference: (index) => this.#differs(hosted, index),
      tellLost: (of, upTo) => traffic.sendLost(of, upTo),
    });
    groups.add(hosted);
  }

  #differs(hosted: HostedGroup, index: LogIndex): void {
    const reason = `its state at entry ${index} is not that of the majority`;
    const { host } = this.#options;
    host.logger.log("error", "a replica differs from the majority and stops", { group: hosted.group, index });
    hosted.replica.stop(reason, replicaStopped);
  }
}
