export { formatAddress, InvalidAddressError, parseAddress } from "./address.ts";
export { ByteReader } from "./byte-reader.ts";
export { ByteWriter } from "./byte-writer.ts";
export {
  AddressUnavailableError,
  ConnectFailedError,
  ConnectionClosedError,
  ConnectionLostError,
  DatagramNotSentError,
} from "./connection-errors.ts";
export {
  anything,
  decodeJson,
  encodeJson,
  type JsonOptions,
  type MessageSchema,
  type SchemaResult,
} from "./json-message.ts";
export { JsonStream } from "./json-stream.ts";
export { type LinkKind, linkKinds } from "./link-kind.ts";
export {
  MessageInvalidError,
  MessageMalformedError,
  MessageTooDeepError,
  MessageTooLargeError,
  MessageTruncatedError,
  type SchemaIssue,
} from "./message-errors.ts";
export type { PeerIdentity, Refusal, RefusalCode } from "./peer-identity.ts";
export type { PeerLink } from "./peer-link.ts";
export {
  PeerLinks,
  type PeerLinksHandler,
  type PeerLinksOptions,
  type PeerLinksSettings,
  peerLinksDefaults,
} from "./peer-links.ts";
export { dialTcp, listenTcp, type TcpListenOptions, type TcpOptions } from "./tcp.ts";
export { TcpConnection, type TcpConnectionEvents, type TcpConnectionOptions } from "./tcp-connection.ts";
export { TcpListener } from "./tcp-listener.ts";
export { dialUdp, listenUdp, type UdpOptions } from "./udp.ts";
export { type Datagram, UdpSocket, type UdpSocketOptions } from "./udp-socket.ts";
