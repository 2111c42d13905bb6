/**
 * The format of the log on disk, version 1. All numbers are little endian; "u53" is an unsigned 64-bit field of which
 * 53 bits are used. Reserved bytes are zero. Why it is so: docs/decisions/log-format.md.
 *
 *     directory      000000000007.segment     begun: its header stands; or ready: nothing but zeros yet
 *                    000000000008.preparing   is being filled with zeros by a running node
 *                    000000000009.opening     is being written by a start of the node; renamed when durable
 *                    and snapshots, see snapshot-file.ts
 *
 *     segment        +-----------+-----------+---------+---------+---------+------------------+
 *                    | header    | header    | batch   | batch   | batch   | zeros, allocated |
 *                    | copy 1    | copy 2    |         |         |         | beforehand       |
 *                    +-----------+-----------+---------+---------+---------+------------------+
 *                    0           H           2H        each on a 4 KiB boundary, filled up with zeros
 *
 * Segment header, one copy. The first 64 bytes look the same in every version to come, so that any version can tell
 * whose file it is and refuse it whole:
 *
 *       0  8 bytes    "COTERLOG"
 *       8  u16        format version: 1
 *      10  u8         checksum kind: 1 = CRC-32 (polynomial 0xEDB88320)
 *      11  u8         copies of this header: 2
 *      12  u32        H, bytes of one copy, a multiple of 4096
 *      16  16 bytes   cluster id
 *      32  u53        node id
 *      40  u53        segment number, which is the disk epoch
 *      48  12 bytes   reserved
 *      60  u32        CRC-32 of bytes 0 to 59, unseeded
 *      64  u53        boot counter of the process that began the segment
 *      72  u53        bytes allocated beforehand
 *      80  u53        number of the previous segment; 0: this is the first
 *      88  u53        where the log ends in the previous segment; what stands there at and beyond it is no part of the log
 *      96  u53        number of the oldest segment that is still needed
 *     104  u32        number of groups
 *     108  u32        flags: 1 = groups may have been lost that are not listed
 *     112  12 bytes   reserved
 *     124  u32        CRC-32 of bytes 0 to 123 and of the table that follows, seeded (see below)
 *     128  96 bytes per group, sorted by group id: the group as it stood at the start of this segment
 *            0 u53 group id      8 u53 replica id (0: not given, the first of this node)
 *           16 u53 term         24 u53 vote (0: none)           32 u53 commit index
 *           40 u53 first index  48 u53 last index               56 u53 term of the last entry
 *           64 u53 batches of this group so far                 72 u53 index of the durable snapshot (0: none)
 *           80 u53 term of that snapshot                        88 u32 flags: 1 = damaged      92 u32 reserved
 *
 * Batch: everything that was queued when the disk was free, in one write and one sync. It counts as a whole or not at all.
 *
 *       0  u32        magic "CBAT"
 *       4  u32        checksum of the header from byte 8 on, seeded
 *       8  u32        header bytes: 64 + 48 × room for groups
 *      12  u32        body bytes (the body follows the header at once)
 *      16  u32        checksum of the body, seeded
 *      20  u32        number of groups
 *      24  u53        own position in the segment: a misdirected write shows
 *      32  u53        sync mark: segment number …
 *      40  u53        … and position. `fdatasync` has returned for everything before it
 *      48  16 bytes   reserved
 *      64  48 bytes per group
 *            0 u53 group id
 *            8 u53 number of this batch among those of the group, from 1, without gaps: a lost batch shows
 *           16 u53 first index of the entries that this batch makes part of the group's log (0: none) …
 *           24 u53 … and the last
 *           32 u53 term of the last one
 *           40 u32 flags: 1 = holds a hard state, 2 = holds a part of a record set that ends in a later batch,
 *                  4 = ends a record set that names a snapshot, 8 = the group begins anew in it (kind 10); what else
 *                  is listed then is of the new replica
 *           44 u32 reserved
 *
 * Body: records. A *record set* is what one `append` brings; it has an effect only when its last record is there, and it may
 * be spread over several batches, with other groups' records between. Records of one group are in the order of `append`.
 *
 *       0  u8         kind
 *       1  u8         flags: 1 = begins its record set (drops one that was left unfinished), 2 = ends it
 *       2  u16        place of the group in the header's list
 *       4  u32        bytes that follow
 *     kind 1, entry                u53 term, u53 index, data. Discards all stored entries at and above its index
 *     kind 2, configuration entry  u53 term, u53 index, then a change: u8 transition (0 auto, 1 implicit, 2 explicit),
 *                                  u8 and u16 reserved, u32 number of changes, each u8 action (0 add voter, 1 add learner,
 *                                  2 remove, 3 update), 7 bytes reserved, u53 replica id
 *     kind 3, hard state           u53 term, u53 vote (0: none), u53 commit index
 *     kind 4, piece of an entry    u53 term, u53 index, u32 bytes of the whole data, u32 place of this piece, then its bytes.
 *                                  The pieces of an entry come in order and without gaps
 *     kind 5, snapshot             u53 term, u53 index, u32 flags, u32 reserved. Begins its set, or follows kind 10. The file that is named by
 *                                  group and index is durable and whole. Flag 1: the log begins anew behind it, and
 *                                  all entries before are discarded; otherwise the log stays as it is
 *     kinds 6, 7, 8                as 1, 2, 4, of entries that are in the log already: they stand here from now on, and
 *                                  nothing is discarded. Such a set holds nothing else, and the batch's header does not
 *                                  list its entries: one that is lost is missed where it stood before
 *     kind 9, compacted            u53 term, u53 index: the log begins behind that entry, which a snapshot named before holds.
 *                                  A set of its own; losing it is harmless
 *     kind 10, replica             u53 replica id, 8 bytes reserved: the group begins anew as this replica, with no entries,
 *                                  no hard state, no snapshot and no damage; its batches go on being numbered. A set of its
 *                                  own, or one with the snapshot and the hard state with which that replica begins. The
 *                                  ids of one group rise: it is the tombstone of the replica before
 *     kinds 11 to 15               kept for what a later version of the software adds within format version 1's frame, and
 *                                  then requires. A reader that meets a kind that it does not know refuses the log whole.
 *
 * A segment is given up when nothing in it is needed: its entries are compacted, discarded or restated in a later one,
 * and what else stood in it the later headers repeat. First a header that names a younger oldest segment becomes durable,
 * then the file is removed.
 *
 * Checksums are CRC-32, continued from a seed: the CRC-32 of cluster id (16 bytes), node id (u53) and segment number (u53).
 * Bytes of another cluster, node or segment never pass.
 */
import { crc32 } from "node:zlib";

/** Every batch and every header begins on a multiple of this. */
export const blockBytes = 4_096;

export const formatVersion = 1;
export const checksumKindCrc32 = 1;

/** "CBAT", read as a little-endian number. */
export const batchMagic = 0x5441_4243;

/** Whose log it is; part of every checksum. */
export interface LogIdentity {
  /** 16 bytes. */
  readonly clusterId: Uint8Array;
  /** Positive, below 2^53. */
  readonly nodeId: number;
}

/** A place in the log. */
export interface LogPosition {
  readonly segment: number;
  readonly offset: number;
}

/** The seed of all checksums of one segment but the first, readable by anyone, in its header. */
export function checksumSeed(identity: LogIdentity, segment: number): number {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  bytes.set(identity.clusterId, 0);
  putUint53(view, 16, identity.nodeId);
  putUint53(view, 24, segment);
  return crc32(bytes);
}

/** `bytes` rounded up to whole blocks. */
export function blocksUp(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

/** Writes a whole number below 2^53 as 8 bytes. */
export function putUint53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true);
  view.setUint32(offset + 4, (value / 0x1_0000_0000) >>> 0, true);
}

/** Reads what {@link putUint53} wrote. A field of 2^53 or more, which only damage makes, comes out imprecise, never negative. */
export function getUint53(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 0x1_0000_0000;
}

/** A view for numbers over the same bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
