/**
 * Two nodes hold three connections, so that nothing small waits behind something large: `control` for heartbeats,
 * votes and acknowledgements, `data` for entries, forwarded commands and their replies, `bulk` for what goes in pieces.
 */
export type LinkKind = "control" | "data" | "bulk";

/** Their place is their number on the wire. */
export const linkKinds: readonly LinkKind[] = ["control", "data", "bulk"];
