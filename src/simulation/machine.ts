import type { Platform } from "../platform/index.ts";
import { type DiskSettings, defaultDiskSettings, SimulatedDisk } from "./disk.ts";
import type { FileNode, FolderNode } from "./disk-tree.ts";
import type { DiskLoss } from "./file-content.ts";
import { MachineClock, ProcessClock } from "./machine-clock.ts";
import { type ProcessEnd, SimulatedProcess } from "./process.ts";
import { ProcessDatagrams } from "./process-datagrams.ts";
import { ProcessDisk } from "./process-disk.ts";
import { type ListeningPort, ProcessNetwork } from "./process-network.ts";
import { type ListeningFile, ProcessUnixNetwork } from "./process-unix-network.ts";
import { ProcessWorkers, type SimulatedThread } from "./process-workers.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimulatedWorld } from "./world.ts";

export interface MachineOptions {
  readonly disk?: Partial<DiskSettings>;
  /** CPU time that one callback costs. Default 0.01 ms. */
  readonly callbackMs?: number;
  /** How many threads run at the same time. Default 4. */
  readonly coreCount?: number;
  /** Hears of the end of each of the machine's processes. */
  readonly onProcessEnd?: (end: ProcessEnd) => void;
}

const callbackMsDefault = 0.01;
const coreCountDefault = 4;
const ephemeralPortFirst = 40_000;
/** A monotonic clock starts at a random point up to this, so that times of two lives cannot be mixed up unnoticed. */
const clockOriginMsMax = 1_000_000;

/** What a machine has handed to the network for other machines. */
export interface SentCounts {
  /** Packets of streams, and datagrams: each is one write of a process. */
  messages: number;
  bytes: number;
}

/** A machine with a disk and a clock of its own, on which one process runs at a time. */
export class SimulatedMachine {
  readonly name: string;
  /** An IPv4 address; connections may also name the machine by its name. */
  readonly address: string;
  readonly disk: SimulatedDisk;
  readonly clock: MachineClock;
  /** Since the beginning, all its processes together. */
  readonly sent: SentCounts = { messages: 0, bytes: 0 };
  /** For the parts of the network. */
  readonly listening: Set<ListeningPort> = new Set();
  readonly listeningFiles: Map<FileNode, ListeningFile> = new Map();
  readonly #world: SimulatedWorld;
  readonly #random: SeededRandom;
  readonly #locks = new Map<FolderNode, SimulatedProcess>();
  readonly #onProcessEnd: ((end: ProcessEnd) => void) | undefined;
  readonly #coreCount: number;
  #callbackMs: number;
  #isPowered = true;
  #lifeCount = 0;
  #port = ephemeralPortFirst;
  #life:
    | {
        readonly process: SimulatedProcess;
        readonly disk: ProcessDisk;
        readonly network: ProcessNetwork;
        readonly unixNetwork: ProcessUnixNetwork;
        readonly datagrams: ProcessDatagrams;
        readonly workers: ProcessWorkers;
      }
    | undefined;

  constructor(
    world: SimulatedWorld,
    options: MachineOptions & { readonly name: string; readonly address: string; readonly random: SeededRandom },
  ) {
    this.name = options.name;
    this.address = options.address;
    this.#world = world;
    this.#random = options.random;
    this.#callbackMs = options.callbackMs ?? callbackMsDefault;
    this.#coreCount = options.coreCount ?? coreCountDefault;
    this.#onProcessEnd = options.onProcessEnd;
    this.disk = new SimulatedDisk(world, options.random.fork(), { ...defaultDiskSettings, ...options.disk });
    this.clock = new MachineClock(world);
  }

  get isPowered(): boolean {
    return this.#isPowered;
  }

  /** The process that runs, if one does. */
  get process(): SimulatedProcess | undefined {
    return this.#life?.process;
  }

  /** The threads that the process has started and that have not ended, the oldest first. */
  get threads(): readonly SimulatedThread[] {
    return this.#life?.workers.threads ?? [];
  }

  /**
   * Starts a process, with the power if it was off, and returns the world as that process sees it. `main` is its
   * first callback; without one the caller drives it from outside. A process that still runs is killed first.
   */
  start(main?: (platform: Platform) => void): Platform {
    this.kill();
    this.#isPowered = true;
    this.#lifeCount++;
    const process: SimulatedProcess = new SimulatedProcess(this.#world, {
      id: this.#world.takeProcessId(),
      machineName: this.name,
      callbackMs: this.#callbackMs,
      onEnd: (end) => this.#processEnded(process, end),
    });
    const random = this.#random.fork();
    const disk = new ProcessDisk(this.#world, process, this.disk, this.#locks);
    const network = new ProcessNetwork(this.#world, process, this);
    const unixNetwork = new ProcessUnixNetwork(this.#world, network);
    const originMs = random.integer(0, clockOriginMsMax);
    const datagrams = new ProcessDatagrams(this.#world, process, this);
    const clock = new ProcessClock(this.#world, process, this.clock, originMs);
    const workers = new ProcessWorkers(this.#world, process, {
      clock: this.clock,
      coreCount: this.#coreCount,
      drawRandom: () => this.#random.fork(),
    });
    this.#life = { process, disk, network, unixNetwork, datagrams, workers };
    this.#world.note(process.id, this.#lifeCount);
    this.#world.trace(this.name, `process ${process.id} starts`);
    const platform: Platform = { clock, random, disk, network, unixNetwork, datagrams, workers, process };
    if (main !== undefined) process.post(() => main(platform));
    return platform;
  }

  /** As `kill -9`: what the process wrote stays in the page cache, and its connections are closed by the system. */
  kill(): void {
    this.#life?.process.end({ kind: "killed" });
  }

  /** Process, page cache and connections are gone at once; the others hear nothing. Off until {@link start}. */
  cutPower(loss: DiskLoss = "random"): void {
    if (!this.#isPowered) return;
    this.#isPowered = false;
    this.#world.trace(this.name, `power is cut; of unsynced data is lost: ${loss}`);
    this.kill();
    this.disk.cutPower(loss);
  }

  /** As SIGSTOP: the process stands still while its system goes on to answer for it. */
  pause(): void {
    this.#world.trace(this.name, "process is paused");
    this.#life?.process.pause();
    this.#life?.workers.pause();
  }

  resume(): void {
    this.#world.trace(this.name, "process goes on");
    this.#life?.process.resume();
    this.#life?.workers.resume();
  }

  /** What each callback costs from now on; many times the default makes a slow machine. */
  setCallbackMs(callbackMs: number): void {
    this.#callbackMs = callbackMs;
    if (this.#life === undefined) return;
    this.#life.process.callbackMs = callbackMs;
    this.#life.workers.setCallbackMs(callbackMs);
  }

  isHost(host: string): boolean {
    return host === this.name || host === this.address;
  }

  /** For the parts of the network: bytes leave for `to`. */
  countSent(to: SimulatedMachine, byteCount: number): void {
    if (to === this) return;
    this.sent.messages++;
    this.sent.bytes += byteCount;
  }

  /** A port that nobody has had, for the parts of the network. */
  takePort(): number {
    return this.#port++;
  }

  #processEnded(process: SimulatedProcess, end: ProcessEnd): void {
    const life = this.#life;
    if (life?.process !== process) return;
    this.#life = undefined;
    life.disk.abandon();
    life.network.close(!this.#isPowered);
    life.unixNetwork.close();
    life.datagrams.close();
    life.workers.close();
    this.#world.note(process.id, -1);
    if (this.#world.isTraced) this.#world.trace(this.name, `process ${process.id} ends: ${describe(end)}`);
    this.#onProcessEnd?.(end);
  }
}

function describe(end: ProcessEnd): string {
  if (end.kind === "killed") return "killed";
  if (end.kind === "exited") return `exit code ${end.code}, ${end.reason}`;
  return `crashed, ${end.error instanceof Error ? (end.error.stack ?? end.error.message) : String(end.error)}`;
}
