/** One wrong thing for each invariant that a replica checks by itself, done to its inner state. */
import type { InvariantId } from "../../src/raft/index.ts";
import type { Replica } from "../../src/raft/replica.ts";

export interface PlantedFault {
  readonly invariant: InvariantId;
  readonly name: string;
  /** The role in which it can happen. */
  readonly role: "leader" | "follower";
  /** To be done within an input, of a replica that has committed and applied something. */
  readonly plant: (replica: Replica) => void;
}

const noChange = { transition: "auto", changes: [] } as const;

export const plantedFaults: readonly PlantedFault[] = [
  {
    invariant: "I-2",
    name: "a vote is given to somebody else",
    role: "leader",
    plant: (replica) => {
      replica.vote = replica.id + 1;
    },
  },
  {
    invariant: "I-2",
    name: "a vote is forgotten",
    role: "leader",
    plant: (replica) => {
      replica.vote = undefined;
    },
  },
  {
    invariant: "I-3",
    name: "the term goes back",
    role: "follower",
    plant: (replica) => {
      replica.term--;
    },
  },
  {
    invariant: "I-3",
    name: "a follower enters an older term",
    role: "follower",
    plant: (replica) => replica.becomeFollower(replica.term - 1, undefined),
  },
  {
    invariant: "I-4",
    name: "a leader replaces an entry of its own",
    role: "leader",
    plant: ({ log, term }) => {
      const index = log.lastIndex + 1;
      log.append([{ kind: "configuration", index, term, change: noChange }]);
      log.merge([{ kind: "configuration", index, term: term + 1, change: noChange }]);
    },
  },
  {
    invariant: "I-6",
    name: "a follower replaces a committed entry",
    role: "follower",
    plant: ({ log, term }) =>
      log.merge([{ kind: "configuration", index: log.commitIndex, term: term + 1, change: noChange }]),
  },
  {
    invariant: "I-8",
    name: "the commit index goes back",
    role: "follower",
    plant: ({ log }) => {
      log.commitIndex--;
    },
  },
  {
    invariant: "I-8",
    name: "the applied index goes back",
    role: "leader",
    plant: ({ log }) => {
      log.appliedIndex--;
    },
  },
  {
    invariant: "I-8",
    name: "more is applied than was handed out",
    role: "leader",
    plant: ({ log }) => {
      log.appliedIndex++;
    },
  },
  {
    invariant: "I-9",
    name: "the commit index goes beyond the log",
    role: "follower",
    plant: ({ log }) => {
      log.commitIndex = log.lastIndex + 1;
    },
  },
  {
    invariant: "I-9",
    name: "a leader tells of more than the log holds",
    role: "follower",
    plant: ({ log }) => log.commitTo(log.lastIndex + 1),
  },
  {
    invariant: "I-10",
    name: "an entry of an older term is committed by counting",
    role: "leader",
    plant: ({ log }) => {
      const { commitIndex } = log;
      const termOf = log.term.bind(log);
      log.term = (index) => (index > commitIndex ? (termOf(index) ?? 1) - 1 : termOf(index));
      log.matches = () => true;
    },
  },
  {
    invariant: "I-11",
    name: "a follower's match falls",
    role: "leader",
    plant: ({ members, id }) => {
      for (const progress of members.all) if (progress.id !== id) progress.matchIndex--;
    },
  },
  {
    invariant: "I-11",
    name: "a follower's match reaches what is sent next",
    role: "leader",
    plant: ({ members, id }) => {
      for (const progress of members.all) if (progress.id !== id) progress.matchIndex = progress.nextIndex;
    },
  },
  {
    invariant: "I-13",
    name: "two changes of the configuration are under way",
    role: "leader",
    plant: ({ log, term }) => {
      const index = log.lastIndex + 1;
      log.append([0, 1].map((offset) => ({ kind: "configuration", index: index + offset, term, change: noChange })));
    },
  },
  {
    invariant: "I-14",
    name: "what one of three voters holds is committed",
    role: "leader",
    plant: ({ log, members }) => {
      members.committedIndex = () => log.lastIndex;
    },
  },
  {
    invariant: "I-17",
    name: "an entry is left out",
    role: "leader",
    plant: ({ log, term }) => log.append([{ kind: "configuration", index: log.lastIndex + 2, term, change: noChange }]),
  },
  {
    invariant: "I-17",
    name: "an entry is of an older term than the one before",
    role: "leader",
    plant: ({ log, term }) =>
      log.append([{ kind: "configuration", index: log.lastIndex + 1, term: term - 1, change: noChange }]),
  },
];
