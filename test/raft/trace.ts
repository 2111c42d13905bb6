import { adapter } from "../../src/raft/index.ts";

/**
 * Plays a trace: text commands on the nodes of the test port, each with the full transcript that it must produce.
 *
 *     # a comment
 *     > campaign 1
 *     > run
 *     1: candidate; term 1 vote 1 commit 10
 *       1→2 asks for its vote @1, has 10@1
 *
 * Indexes stand before their terms: 10@1 is entry 10 of term 1, and a message's own term follows its verb.
 */
type Node = ReturnType<typeof adapter.createNode>;
type ReadyOf = ReturnType<Node["ready"]>;
type Msg = ReadyOf["messages"][number];
type Entry = ReadyOf["entries"][number];
type Snap = NonNullable<ReadyOf["snapshot"]>;
type ConfState = Snap["conf"];

interface Member {
  readonly id: number;
  readonly node: Node;
  readonly isAsync: boolean;
  /** Writes and applies that wait for their threads. */
  readonly toAppend: Msg[];
  readonly toApply: Msg[];
  /** The state machine: what a snapshot of it would be. */
  state: Snap;
}

/** Runs the commands of `text` and returns it with the transcripts as they came out. */
export function playTrace(text: string): string {
  const player = new TracePlayer();
  const output: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) output.push(line);
    else if (line === "" && output.at(-1) !== "") output.push("");
    else if (line.startsWith("> ")) output.push(line, ...player.run(line.slice(2)));
  }
  return `${output.join("\n").trimEnd()}\n`;
}

class TracePlayer {
  readonly #members: Member[] = [];
  #messages: Msg[] = [];
  #lines: string[] = [];

  run(line: string): string[] {
    const words = line.split(" ").filter((word) => word !== "");
    const command = words[0] ?? "";
    const args = words.slice(1);
    const options = new Map<string, string>();
    for (const word of args) {
      const [key, value] = word.split("=");
      if (key !== undefined) options.set(key, value ?? "");
    }
    const ids = args.filter((word) => /^\d+$/.test(word)).map(Number);
    this.#lines = [];
    this.#execute(command, args, ids, options);
    return this.#lines;
  }

  #execute(command: string, args: string[], ids: number[], options: ReadonlyMap<string, string>): void {
    const node = this.#members[(ids[0] ?? 0) - 1]?.node;
    switch (command) {
      case "nodes":
        this.#addNodes(ids[0] ?? 0, options);
        break;
      case "campaign":
        node?.campaign();
        break;
      case "tick":
        for (let i = 0; i < (ids[1] ?? 1); i++) node?.tick();
        break;
      case "timeout":
        node?.setRandomizedElectionTimeout(ids[1] ?? 0);
        break;
      case "propose":
        this.#say(node?.propose(args[1] ?? ""));
        break;
      case "change":
        this.#change(node, args.slice(1));
        break;
      case "read":
        node?.readIndex(args[1] ?? "");
        break;
      case "transfer":
        node?.transferLeader(ids[1] ?? 0);
        break;
      case "forget":
        node?.forgetLeader();
        break;
      case "unreachable":
        node?.reportUnreachable(ids[1] ?? 0);
        break;
      case "reported":
        node?.reportSnapshot(ids[1] ?? 0, args[2] === "ok");
        break;
      case "ready":
        for (const id of ids) this.#ready(this.#member(id));
        break;
      case "append":
        for (const id of ids) this.#append(this.#member(id));
        break;
      case "apply":
        for (const id of ids) this.#apply(this.#member(id));
        break;
      case "deliver":
        for (const id of ids) this.#deliver(this.#member(id));
        break;
      case "drop":
        this.#drop(ids);
        break;
      case "run":
        this.#settle(ids.length === 0 ? this.#members.map(({ id }) => id) : ids);
        break;
      case "quietly":
        this.run(args.join(" "));
        this.#lines = [];
        break;
      case "compact":
        node?.compact(ids[1] ?? 0);
        break;
      case "restart":
        this.#restart(this.#member(ids[0] ?? 0));
        break;
      case "status":
        this.#status(this.#member(ids[0] ?? 0));
        break;
      case "log":
        this.#log(this.#member(ids[0] ?? 0));
        break;
      default:
        throw new Error(`no command ${command}`);
    }
  }

  #member(id: number): Member {
    const member = this.#members[id - 1];
    if (member === undefined) throw new Error(`no node ${id}`);
    return member;
  }

  #say(line: string | null | undefined): void {
    if (line) this.#lines.push(line);
  }

  #addNodes(count: number, options: ReadonlyMap<string, string>): void {
    const list = (name: string): number[] => (options.get(name) ?? "").split(",").filter(Boolean).map(Number);
    const number = (name: string): number | undefined => {
      const value = options.get(name);
      return value === undefined ? undefined : Number(value);
    };
    const index = number("index") ?? 0;
    const conf: ConfState = {
      voters: list("voters"),
      votersOutgoing: [],
      learners: list("learners"),
      learnersNext: [],
      autoLeave: false,
    };
    for (let i = 0; i < count; i++) {
      const id = this.#members.length + 1;
      const snapshot = { index, term: index === 0 ? 0 : 1, conf, data: "" };
      const isAsync = options.has("async");
      const window = number("window");
      const node = adapter.createNode({
        id,
        electionTick: 3,
        heartbeatTick: 1,
        applied: index,
        preVote: options.has("pre-vote"),
        checkQuorum: options.has("check-quorum"),
        stepDownOnRemoval: options.has("step-down"),
        readOnly: options.has("lease") ? "lease-based" : "safe",
        asyncStorageWrites: isAsync,
        disableConfChangeValidation: options.has("unchecked"),
        ...(window === undefined ? {} : { maxInflightMsgs: window }),
        ...(index === 0 ? {} : { snapshot }),
      });
      this.#members.push({ id, node, isAsync, toAppend: [], toApply: [], state: snapshot });
      if (index > 0) node.setSnapshot(snapshot);
    }
  }

  #change(node: Node | undefined, words: readonly string[]): void {
    const transition = words.find((word) => word === "implicit" || word === "explicit");
    const changes = words
      .filter((word) => /^[vlru]\d+$/.test(word))
      .map((word) => ({ op: opOf(word), id: Number(word.slice(1)) }));
    const kind = transition === "implicit" || transition === "explicit" ? { transition } : {};
    this.#say(node?.proposeConfChange({ ...kind, changes, ...(words.includes("old") ? { v1: true } : {}) }));
  }

  #ready(member: Member): void {
    const ready = member.node.ready();
    this.#lines.push(...describeReady(member.id, ready));
    if (!member.isAsync) {
      if (ready.snapshot !== undefined) this.#install(member, ready.snapshot);
      member.node.persist(ready);
      this.#applyEntries(member, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.to === "AppendThread") member.toAppend.push(message);
      else if (message.to === "ApplyThread") member.toApply.push(message);
      else this.#messages.push(message);
    }
    if (!member.isAsync) member.node.advance();
  }

  #append(member: Member): void {
    const message = member.toAppend.shift();
    if (message === undefined) return;
    const { term, vote, commit, entries, snapshot, responses } = message;
    this.#lines.push(`${member.id} has written ${describeEntries(entries ?? [])}`);
    if (snapshot !== undefined) this.#install(member, snapshot);
    member.node.persist({
      ...(term === 0 ? {} : { hardState: { term, vote: vote ?? 0, commit: commit ?? 0 } }),
      ...(entries === undefined ? {} : { entries }),
      ...(snapshot === undefined ? {} : { snapshot }),
    });
    this.#messages.push(...(responses ?? []));
  }

  #apply(member: Member): void {
    const message = member.toApply.shift();
    if (message === undefined) return;
    this.#lines.push(`${member.id} has applied ${describeEntries(message.entries ?? [])}`);
    this.#applyEntries(member, message.entries ?? []);
    this.#messages.push(...(message.responses ?? []));
  }

  #install(member: Member, snapshot: Snap): void {
    member.state = snapshot;
    member.node.setSnapshot(snapshot);
  }

  #applyEntries(member: Member, entries: readonly Entry[]): void {
    for (const entry of entries) {
      let { conf } = member.state;
      if (entry.conf !== undefined) {
        conf = member.node.applyConfChange(entry.conf, entry);
        this.#lines.push(`  ${member.id} now goes by ${describeConf(conf)}`);
      }
      member.state = { index: entry.index, term: entry.term, conf, data: member.state.data + (entry.data ?? "") };
      member.node.setSnapshot(member.state);
    }
  }

  #take(id: number): Msg[] {
    const taken = this.#messages.filter((message) => message.to === id);
    this.#messages = this.#messages.filter((message) => message.to !== id);
    return taken;
  }

  #deliver(member: Member): boolean {
    const messages = this.#take(member.id);
    for (const message of messages) {
      const answer = member.node.step(message);
      if (answer !== null) this.#lines.push(`  ${answer}: ${describe(message)}`);
    }
    return messages.length > 0;
  }

  #drop(ids: readonly number[]): void {
    for (const id of ids) for (const message of this.#take(id)) this.#lines.push(`  lost: ${describe(message)}`);
  }

  #settle(ids: readonly number[]): void {
    for (let round = 0; round < 100; round++) {
      let isBusy = false;
      for (const id of ids) {
        const member = this.#member(id);
        if (member.node.hasReady()) {
          this.#ready(member);
          isBusy = true;
        }
      }
      for (const id of ids) if (this.#deliver(this.#member(id))) isBusy = true;
      for (const id of ids) {
        const member = this.#member(id);
        isBusy ||= member.toAppend.length + member.toApply.length > 0;
        while (member.toAppend.length > 0) this.#append(member);
        while (member.toApply.length > 0) this.#apply(member);
      }
      if (!isBusy) return;
    }
    throw new Error("the trace does not come to rest");
  }

  #restart(member: Member): void {
    member.state = member.node.restart();
    member.toAppend.length = 0;
    member.toApply.length = 0;
    this.#lines.push(`${member.id} goes on from ${member.state.index}@${member.state.term}`);
  }

  #status(member: Member): void {
    const { role, term, lead, commit, applied, config, progress } = member.node.status();
    this.#lines.push(
      `${member.id}: ${roleOf(role)} term ${term} leader ${lead} commit ${commit} applied ${applied} ${describeConf(config)}`,
    );
    for (const [id, one] of Object.entries(progress)) {
      const words = [one.state.slice("State".length).toLowerCase(), `match ${one.match}`, `next ${one.next}`];
      if (one.learner) words.push("learner");
      if (one.paused) words.push("paused");
      if (one.pendingSnapshot > 0) words.push(`snapshot ${one.pendingSnapshot}`);
      if (!one.recentActive) words.push("silent");
      if (one.inflight > 0) words.push(`in flight ${one.inflight}${one.inflightFull ? " (full)" : ""}`);
      this.#lines.push(`  ${id}: ${words.join(", ")}`);
    }
  }

  #log(member: Member): void {
    const { firstIndex, entries } = member.node.stableLog();
    this.#lines.push(`${member.id} holds from ${firstIndex}: ${describeEntries(entries)}`);
  }
}

function opOf(word: string): "v" | "l" | "r" | "u" {
  const op = word[0];
  if (op === "v" || op === "l" || op === "r" || op === "u") return op;
  throw new Error(`no change ${word}`);
}

function roleOf(role: string): string {
  return role.slice("State".length).replace("PreC", "pre-c").toLowerCase();
}

function describeReady(id: number, ready: ReadyOf): string[] {
  const parts: string[] = [];
  const { softState, hardState, snapshot, entries, committedEntries, readStates } = ready;
  if (softState !== undefined) parts.push(`${roleOf(softState.role)} of leader ${softState.lead}`);
  if (hardState !== undefined) parts.push(`term ${hardState.term} vote ${hardState.vote} commit ${hardState.commit}`);
  if (snapshot !== undefined) parts.push(`install ${describeSnapshot(snapshot)}`);
  if (entries.length > 0) parts.push(`write ${describeEntries(entries)}`);
  if (committedEntries.length > 0) parts.push(`apply ${describeEntries(committedEntries)}`);
  for (const { ctx, index } of readStates ?? []) parts.push(`read ${ctx} at ${index}`);
  if (ready.mustSync) parts.push("sync");
  return [`${id}: ${parts.join("; ")}`, ...ready.messages.flatMap((message) => describeAll(message, "  "))];
}

function describeAll(message: Msg, indent: string): string[] {
  return [
    indent + describe(message),
    ...(message.responses ?? []).flatMap((response) => describeAll(response, `${indent}  then `)),
  ];
}

function describe(message: Msg): string {
  const { from, to, term, index, logTerm, commit, entries, snapshot, context } = message;
  const ends = `${from}→${to}`;
  const round = context === undefined ? "" : ` round ${context}`;
  switch (message.type) {
    case "MsgApp": {
      const sent = entries?.length ? ` ${describeEntries(entries)}` : "";
      return `${ends} append @${term} after ${index}@${logTerm}${sent} commit ${commit}`;
    }
    case "MsgAppResp":
      return message.reject
        ? `${ends} refused @${term} ${index}, try ${message.rejectHint}@${logTerm}`
        : `${ends} appended @${term} ${index}`;
    case "MsgVote":
    case "MsgPreVote": {
      const what = message.type === "MsgVote" ? "vote" : "pre-vote";
      return `${ends} asks for a ${what} @${term}, has ${index}@${logTerm}${context === undefined ? "" : ", by order"}`;
    }
    case "MsgVoteResp":
    case "MsgPreVoteResp": {
      const what = message.type === "MsgVoteResp" ? "vote" : "pre-vote";
      return `${ends} ${message.reject ? "denies" : "grants"} the ${what} @${term}`;
    }
    case "MsgHeartbeat":
      return `${ends} heartbeat @${term} commit ${commit}${round}`;
    case "MsgHeartbeatResp":
      return `${ends} heard @${term}${round}`;
    case "MsgSnap":
      return `${ends} snapshot @${term} ${snapshot === undefined ? "" : describeSnapshot(snapshot)}`;
    case "MsgStorageAppend": {
      const hard = term === 0 ? "" : ` term ${term} vote ${message.vote} commit ${commit}`;
      const installed = snapshot === undefined ? "" : ` ${describeSnapshot(snapshot)}`;
      return `${ends}${hard}${installed} ${describeEntries(entries ?? [])}`;
    }
    case "MsgStorageAppendResp":
      return `${ends} durable in @${term}${index === undefined ? "" : ` ${index}@${logTerm}`}`;
    case "MsgStorageApply":
    case "MsgStorageApplyResp":
      return `${ends} ${describeEntries(entries ?? [])}`;
    default:
      return `${ends} ${message.type.slice("Msg".length)} @${term}${entries?.length ? ` ${describeEntries(entries)}` : ""}`;
  }
}

function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(", ")}]`;
}

function describeEntry(entry: Entry): string {
  const what =
    entry.conf === undefined ? (entry.data ?? "") : entry.conf.changes.map(({ op, id }) => op + id).join(" ");
  const kind = entry.conf !== undefined && what === "" ? "leave" : what;
  return entry.index === 0 ? kind : `${entry.index}@${entry.term}${kind === "" ? "" : ` ${kind}`}`;
}

function describeSnapshot({ index, term, conf }: Snap): string {
  return `${index}@${term} ${describeConf(conf)}`;
}

function describeConf({ voters, votersOutgoing, learners, learnersNext, autoLeave }: ConfState): string {
  const outgoing = votersOutgoing.length === 0 ? "" : `&(${votersOutgoing.join(" ")})`;
  const learning = learners.length === 0 ? "" : ` learners (${learners.join(" ")})`;
  const next = learnersNext.length === 0 ? "" : ` next (${learnersNext.join(" ")})`;
  return `(${voters.join(" ")})${outgoing}${learning}${next}${autoLeave ? " auto" : ""}`;
}
