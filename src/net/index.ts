export { formatAddress, InvalidAddressError, parseAddress, parseUnixAddress } from "./address.ts";
export { ByteReader } from "./byte-reader.ts";
export { ByteWriter } from "./byte-writer.ts";
export { Connection, type ConnectionEvents, type ConnectionOptions, type StreamAddress } from "./connection.ts";
export {
  AddressUnavailableError,
  ConnectFailedError,
  ConnectionClosedError,
  ConnectionLostError,
  DatagramNotSentError,
} from "./connection-errors.ts";
export {
  JsonDatagrams,
  type JsonDatagramsOptions,
  type JsonDatagramsSettings,
  type ReceivedMessage,
} from "./json-datagrams.ts";
export { anything, decodeJson, encodeJson, type JsonOptions, type MessageSchema } from "./json-message.ts";
export { JsonStream, type JsonStreamOptions, type JsonStreamSettings } from "./json-stream.ts";
export { linesOf } from "./lines.ts";
export { type LinkKind, linkKinds } from "./link-kind.ts";
export { Listener } from "./listener.ts";
export {
  MessageError,
  MessageInvalidError,
  MessageMalformedError,
  MessageNotUtf8Error,
  type MessagePlace,
  MessageTooDeepError,
  MessageTooLargeError,
  MessageTruncatedError,
  type SchemaIssue,
} from "./message-errors.ts";
export type { Framing } from "./message-splitter.ts";
export type { EarlierRun, PeerIdentity, Refusal, RefusalCode } from "./peer-identity.ts";
export type { PeerLink } from "./peer-link.ts";
export {
  type KnownPeer,
  PeerLinks,
  type PeerLinksHandler,
  type PeerLinksOptions,
  type PeerLinksSettings,
  peerLinksDefaults,
} from "./peer-links.ts";
export { RequestClient, type RequestClientOptions, type RequestOptions } from "./request-client.ts";
export {
  errorCodes,
  RequestCancelledError,
  RequestFailedError,
  RequestTimeoutError,
  RequestUnansweredError,
} from "./request-errors.ts";
export type { RequestParams } from "./request-message.ts";
export { type RequestHandler, type ServeOptions, serveRequests, withParams } from "./request-server.ts";
export type { StreamListenOptions, StreamOptions } from "./stream.ts";
export {
  dialTcp,
  listenTcp,
  type TcpConnection,
  type TcpListener,
  type TcpListenOptions,
  type TcpOptions,
} from "./tcp.ts";
export { dialUdp, listenUdp, type UdpOptions } from "./udp.ts";
export { type Datagram, UdpSocket, type UdpSocketOptions } from "./udp-socket.ts";
export {
  dialUnix,
  listenUnix,
  type UnixConnection,
  type UnixListener,
  type UnixListenOptions,
  type UnixOptions,
} from "./unix.ts";
