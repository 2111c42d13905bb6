export {
  type DropReason,
  GossipCore,
  type GossipCoreOptions,
  type GossipCounters,
  type GossipOutput,
} from "./core.ts";
export { Gossip, type GossipOptions, type StreamProber } from "./gossip.ts";
export {
  addressesMax,
  type GossipEvent,
  isMemberAddress,
  type LeaderHint,
  type Member,
  type MemberAddress,
  type MemberDetails,
  type MemberState,
} from "./member.ts";
export type { OutgoingDatagram } from "./outbox.ts";
export type { StreamProbe } from "./prober.ts";
export { messageBytesMax, type SealFault, type SealOptions } from "./seal.ts";
export { checkedSettings, type GossipSettings, gossipDefaults } from "./settings.ts";
