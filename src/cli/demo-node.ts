/** One node of a demo, as the demo sees it: a process that it started, or one that was started again by hand. */
import type { ChildProcess } from "node:child_process";
import type { Role } from "./demo-message.ts";
import type { NodePorts } from "./demo-ports.ts";
import type { DemoNodeView } from "./demo-report.ts";

export type DemoNodeState =
  | { readonly kind: "idle" }
  /** Its process runs, but does not serve yet. */
  | { readonly kind: "starting"; readonly pid: number }
  | { readonly kind: "serving"; readonly pid: number }
  | { readonly kind: "dead"; readonly pid: number };

export class DemoNode {
  readonly name: string;
  readonly directory: string | undefined;
  readonly ports: NodePorts;
  state: DemoNodeState = { kind: "idle" };
  role: Role = "unknown";
  /** How many shards it leads, of how many. */
  leads = 0;
  shards = 1;
  redis: string;
  readonly cluster: string;
  readonly http: string;
  readonly peer: string;
  /** The process that the demo started, while it runs. */
  child: ChildProcess | undefined;

  constructor(name: string, directory: string | undefined, ports: NodePorts) {
    this.name = name;
    this.directory = directory;
    this.ports = ports;
    this.redis = `127.0.0.1:${ports.redis}`;
    this.cluster = `127.0.0.1:${ports.cluster}`;
    this.http = `127.0.0.1:${ports.http}`;
    this.peer = `127.0.0.1:${ports.peer}`;
  }

  /** True if the process `pid` is what this node consists of now. */
  isProcess(pid: number): boolean {
    return this.state.kind !== "idle" && this.state.kind !== "dead" && this.state.pid === pid;
  }

  view(): DemoNodeView {
    const pid = this.state.kind === "idle" ? 0 : this.state.pid;
    const { name, redis, cluster, http, peer, role, leads, shards } = this;
    return {
      name,
      redis,
      cluster,
      http,
      peer,
      pid,
      dir: this.directory,
      role,
      ...(shards > 1 ? { leads, shards } : {}),
    };
  }
}
