/**
 * The kinds of messages between nodes: their number on the wire. Numbers are never used again for something else. A new kind, or
 * another form of one, is a new version of the peer protocol (`handshake.ts`), and goes over links of that version alone: a node that
 * does not know it breaks the connection. `ping.ts` shows how.
 */
export const messageType: {
  readonly raft: 1;
  readonly ping: 2;
  readonly pong: 3;
  readonly forward: 4;
  readonly forwardReply: 5;
  readonly forwardRefusal: 6;
  readonly forwardEnd: 7;
  readonly statusQuestion: 8;
  readonly statusAnswer: 9;
  readonly bulkPiece: 10;
  readonly digest: 11;
  readonly forwardCredit: 12;
  readonly snapshotQuestion: 13;
  readonly snapshotPiece: 14;
  readonly heartbeats: 15;
  readonly facts: 16;
  readonly replicaLost: 17;
  readonly led: 18;
  readonly transferQuestion: 19;
  readonly transferAnswer: 20;
  readonly leaderKept: 21;
  readonly membersQuestion: 22;
  readonly membersAnswer: 23;
} = {
  raft: 1,
  ping: 2,
  pong: 3,
  forward: 4,
  forwardReply: 5,
  forwardRefusal: 6,
  forwardEnd: 7,
  statusQuestion: 8,
  statusAnswer: 9,
  bulkPiece: 10,
  digest: 11,
  forwardCredit: 12,
  snapshotQuestion: 13,
  snapshotPiece: 14,
  heartbeats: 15,
  facts: 16,
  replicaLost: 17,
  led: 18,
  transferQuestion: 19,
  transferAnswer: 20,
  leaderKept: 21,
  membersQuestion: 22,
  membersAnswer: 23,
};
