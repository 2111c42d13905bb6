/**
 * The chat server. One goroutine, the room, owns the list of members: nobody else touches it, so that nothing needs a
 * lock. Each member has two more, one that reads what it says and one that writes what the others say.
 *
 *     member ── lines ──▶ events ──▶ room ──▶ outbox ── lines ──▶ member
 */
import { Channel, Context, closed, go } from "coterie/channels";
import { type Connection, type Listener, linesOf } from "coterie/net";

/** Lines that may wait until a member reads them. Whoever lets more come together is too slow and has to go. */
const outboxLinesMax = 64;
/** Of one line that a member says. */
const lineBytesMax = 8_192;
/** How long a member may take to read the last words when the chat ends. */
const farewellMs = 1_000;

interface Member {
  readonly name: string;
  readonly connection: Connection;
  readonly outbox: Channel<string>;
}

/** What happens, in the order in which the room gets to know it. */
type Event =
  | { readonly kind: "joined"; readonly member: Member }
  | { readonly kind: "said"; readonly member: Member; readonly text: string }
  | { readonly kind: "left"; readonly member: Member };

/** Serves until `context` ends; then everybody hears that the chat is over, and is let go in peace. */
export async function serveChat(listener: Listener, context: Context, log: (line: string) => void): Promise<void> {
  const events = new Channel<Event>();
  const room = go(() => keepRoom(events, context, log));
  context.onEnd(() => void listener.close());
  // The loop ends when the listener is closed. A goroutine looks after each connection, so that none waits for another.
  for await (const connection of listener) {
    go(() => welcome(connection, events, context)).catch((error: unknown) => log(String(error)));
  }
  await room;
  const [patience, cancel] = Context.background(context.runtime).withTimeout(farewellMs);
  await listener.drain(patience);
  cancel();
}

async function keepRoom(events: Channel<Event>, context: Context, log: (line: string) => void): Promise<void> {
  const members = new Set<Member>();
  const remove = (member: Member): void => {
    members.delete(member);
    member.outbox.close();
  };
  const tell = (line: string, speaker?: Member): void => {
    for (const member of members) {
      // `trySend` never waits: one slow reader must not hold up the room.
      if (member === speaker || member.outbox.trySend(line)) continue;
      remove(member);
      member.connection.destroy();
      log(`${member.name} was too slow`);
      tell(`* ${member.name} was too slow.`);
    }
  };
  while (!context.isDone) {
    const event = await nextEvent(events, context);
    if (event === closed) break;
    const { kind, member } = event;
    if (kind === "joined") {
      members.add(member);
      log(`${member.name} joined`);
      tell(`* ${member.name} is here.`);
    } else if (kind === "said") {
      tell(`${member.name}: ${event.text}`, member);
    } else if (members.has(member)) {
      remove(member);
      log(`${member.name} left`);
      tell(`* ${member.name} has left.`);
    }
  }
  tell("* The chat is over.");
  for (const member of members) remove(member);
}

/** A context that ends is an orderly end here, not an error. */
async function nextEvent(events: Channel<Event>, context: Context): Promise<Event | typeof closed> {
  try {
    return await events.receive(context);
  } catch (error) {
    if (error === context.error) return closed;
    throw error;
  }
}

async function welcome(connection: Connection, events: Channel<Event>, context: Context): Promise<void> {
  // Closed at the end of the function, however it ends; what was written before still arrives.
  await using open = connection;
  await open.write("What is your name?\n");
  const lines = linesOf(open, { bytesMax: lineBytesMax });
  const name = (await lines.next()).value;
  if (name === undefined) return;
  const member: Member = { name, connection: open, outbox: new Channel(outboxLinesMax) };
  const writing = go(() => writeOut(member));
  try {
    await events.send({ kind: "joined", member }, context);
    for await (const text of lines) await events.send({ kind: "said", member, text }, context);
  } finally {
    // When the chat is over, the room knows.
    if (!context.isDone) await events.send({ kind: "left", member }, context);
    await writing.settled();
  }
}

/** Writes what the room has put into the outbox, until the room closes it; then says good-bye. */
async function writeOut({ connection, outbox }: Member): Promise<void> {
  for await (const line of outbox) await connection.write(`${line}\n`);
  await connection.close();
}
