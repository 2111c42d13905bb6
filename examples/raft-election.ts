/** A Raft election among three nodes: each is a goroutine around the same core that a Coterie node runs. */
import { Channel, type Context, closed, TaskGroup } from "coterie/channels";
import { MemoryLog } from "coterie/log";
import { createNodePlatform } from "coterie/platform";
import { emptyConfiguration, type Message, RaftCore } from "coterie/raft";

const { clock, random } = createNodePlatform();
const voters = [1, 2, 3];
const group = 1;

/** Something that happens to a node: a message arrives, a write is on the disk. */
type Event = (core: RaftCore) => void;

class Node {
  /** What has happened and was not looked at yet. */
  readonly inbox: Channel<Event> = new Channel<Event>(64);
  readonly #log = new MemoryLog({ clock });
  readonly #core: RaftCore;

  constructor(id: number) {
    const log = this.#log.group(group);
    const configuration = { ...emptyConfiguration, voters };
    const { hardState } = log;
    this.#core = new RaftCore({
      id,
      log,
      hardState,
      configuration,
      random,
      applied: 0,
      electionTicks: 10,
      heartbeatTicks: 1,
    });
  }

  /** Runs until `context` ends. The term goes into `elected` when this node has been elected. */
  async run(send: (message: Message) => void, elected: Channel<number>, context: Context): Promise<void> {
    const core = this.#core;
    for (;;) {
      const event = await this.inbox.receive(context);
      if (event === closed) return;
      event(core);
      // The core only decides. What it wants done, to the log and to the others, is for us to carry out.
      while (core.hasReady()) this.#carryOut(send);
      if (core.role === "leader") elected.trySend(core.term);
    }
  }

  #carryOut(send: (message: Message) => void): void {
    const { persist, messages, apply } = this.#core.ready();
    if (persist !== undefined) {
      this.#log.append(group, persist, () => {
        // A vote leaves only now that it is stored: a node that forgot it could vote twice.
        persist.messages.forEach(send);
        this.inbox.trySend((core) => core.persisted(persist.id));
      });
      this.#log.flush();
    }
    messages.forEach(send);
    const last = apply.at(-1);
    if (last !== undefined) this.#core.applied(last.index);
  }
}

export async function main(output: (line: string) => void): Promise<void> {
  const nodes = new Map(voters.map((id) => [id, new Node(id)]));
  const elected = new Channel<number>(1);
  const send = (message: Message): void => {
    nodes.get(message.to)?.inbox.trySend((core) => core.step(message));
  };
  // Whatever is started in the group ends with this function.
  await using running = new TaskGroup();
  for (const node of nodes.values()) running.go((context) => node.run(send, elected, context));

  // As in the course, the first node stands for election; elsewhere it is a timeout that makes a node do so.
  nodes.get(1)?.inbox.trySend((core) => core.campaign());
  output(`Leader élu pour le terme ${String(await elected.receive())}`);
}
