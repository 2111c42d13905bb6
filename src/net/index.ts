export { ByteReader } from "./byte-reader.ts";
export { ByteWriter } from "./byte-writer.ts";
export { type LinkKind, linkKinds } from "./link-kind.ts";
export type { PeerIdentity, Refusal, RefusalCode } from "./peer-identity.ts";
export type { PeerLink } from "./peer-link.ts";
export {
  PeerLinks,
  type PeerLinksHandler,
  type PeerLinksOptions,
  type PeerLinksSettings,
  peerLinksDefaults,
} from "./peer-links.ts";
