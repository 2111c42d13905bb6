import type { Message } from "./message.ts";

/**
 * Leaves out messages that a later one to the same replica in the same batch makes pointless: empty appends before an
 * append, heartbeats before a heartbeat, acknowledgements before an acknowledgement of at least as much. To the
 * receiver it is as if they had been lost, which the protocol bears at any time; and in one turn of a busy group it
 * saves a good half of all messages.
 */
export function coalesce(messages: readonly Message[]): readonly Message[] {
  if (messages.length < 2) return messages;
  const isKept: boolean[] = new Array(messages.length).fill(true);
  let keptCount = messages.length;
  for (let i = 0; i < messages.length - 1; i++) {
    const message = messages[i]!;
    if (!canBeLeftOut(message) || !isSuperseded(messages, i)) continue;
    isKept[i] = false;
    keptCount--;
  }
  return keptCount === messages.length ? messages : messages.filter((_, i) => isKept[i]);
}

function canBeLeftOut(message: Message): boolean {
  switch (message.type) {
    case "appendEntries":
      return message.entries.length === 0;
    case "heartbeat":
      return true;
    case "appendEntriesResponse":
      return !message.rejected;
    default:
      return false;
  }
}

function isSuperseded(messages: readonly Message[], place: number): boolean {
  const earlier = messages[place]!;
  for (let i = place + 1; i < messages.length; i++) {
    const later = messages[i]!;
    if (later.to === earlier.to && later.type === earlier.type && later.term === earlier.term) {
      return saysAtLeast(later, earlier);
    }
  }
  return false;
}

function saysAtLeast(later: Message, earlier: Message): boolean {
  if (later.type === "appendEntries" && earlier.type === "appendEntries") {
    return later.previousIndex >= earlier.previousIndex && later.commit >= earlier.commit;
  }
  if (later.type === "heartbeat" && earlier.type === "heartbeat") {
    return later.readRound >= earlier.readRound && later.commit >= earlier.commit;
  }
  if (later.type === "appendEntriesResponse" && earlier.type === "appendEntriesResponse") {
    return !later.rejected && later.index >= earlier.index;
  }
  return false;
}
