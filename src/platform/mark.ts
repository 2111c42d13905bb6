/**
 * Places in the code that the simulator has to reach: rare branches on which a promise rests. `npm run sim` counts how
 * often all its seeds together have passed each (CONSENSUS X-8), and can stop a process exactly there. Outside of the
 * simulator nobody watches, and a mark costs a look at one variable.
 *
 * The watcher is the one thing that is global here: marks stand in pure code, which is handed nothing that it could ask.
 */
export const markNames = [
  "a pre-vote fails",
  "a vote is held back by the lease",
  "a vote is refused for a shorter log",
  "a refused vote tells what is committed",
  "a vote tells what is committed",
  "an election is won",
  "an election is lost",
  "an entry of an older term is not committed by counting",
  "a leader's configuration becomes a joint one",
  "an append is below the commit index",
  "a follower's tail is replaced",
  "a probe follows a hint",
  "a stale rejection is ignored",
  "the window of appends is full",
  "a late write says nothing of newer entries",
  "a leader without a quorum steps down",
  "a transfer tells its target to stand",
  "a read waits for the first commit of the term",
  "a read asks everybody after all",
  "a heartbeat holds the commit index back",
  "an entry is fetched from the disk",
  "a torn tail is cut",
  "a damaged record is found at start",
  "a segment is begun",
  "what is left of a segment is written again",
  "a batch is being written",
  "a batch is durable",
  "entries are held back by a full disk",
  "a batch of a deposed leader comes to nothing",
  "a write is answered UNCERTAIN",
  "a read runs inside a batch",
  "a read meets a due key",
  "the leader's clock is held to the band",
  "a repeated session command is answered from what was kept",
  "a session command whose fate is open is sent again",
  "a snapshot was made",
  "a received snapshot is installed",
  "a lost replica gets a successor",
  "a replica begins anew",
  "a replica begins",
  "a replica that has gone is destroyed",
  "a learner of no use is dropped",
  "a replica is added where it is wished",
  "a replica gets its vote where it is wished",
  "a replica goes that is not wished any more",
  "a leader that is to go hands over",
  "a successor takes the vote over",
  "a rebuilt replica votes",
  "all that is stored was read back",
] as const;

export type MarkName = (typeof markNames)[number];

let watcher: ((name: MarkName) => void) | undefined;

/** Execution passes here. */
export function mark(name: MarkName): void {
  watcher?.(name);
}

/** From now on `handler` hears of every mark in this process, or nobody. Returns who heard of them before. */
export function watchMarks(handler: ((name: MarkName) => void) | undefined): ((name: MarkName) => void) | undefined {
  const before = watcher;
  watcher = handler;
  return before;
}
