/**
 * From a request and one state of the directory to the records that change, or a refusal. Pure: the records count only as
 * a compare-and-set on the epoch of that very state (CONSENSUS B-5). Whoever loses the race decides again on the newer one.
 */
import { unreachable } from "../platform/index.ts";
import type { DirectoryState } from "./directory-state.ts";
import { DirectoryRefusal } from "./errors.ts";
import { activate, announce, decommission, drain, drained, join, remove, resume } from "./node-changes.ts";
import type { DirectoryRequest } from "./request.ts";
import { setSettings } from "./setting-changes.ts";
import { report, wish } from "./shard-changes.ts";
import { skip } from "./skip-changes.ts";
import { type DirectoryRecord, recordsBetween } from "./with-records.ts";

export type Decision =
  /** `records` are to be put; `state` is what they lead to, under the next epoch. */
  | { readonly kind: "change"; readonly records: readonly DirectoryRecord[]; readonly state: DirectoryState }
  /** It is so already. */
  | { readonly kind: "unchanged" }
  | { readonly kind: "refused"; readonly refusal: DirectoryRefusal };

/** What several requests lead to, each decided on what those before it leave. */
export interface Decisions {
  /** Empty: nothing changes. */
  readonly records: readonly DirectoryRecord[];
  /** Under the next epoch, if anything changes. */
  readonly state: DirectoryState;
  /** These were left out. */
  readonly refused: readonly { readonly request: DirectoryRequest; readonly refusal: DirectoryRefusal }[];
}

export function decide(state: DirectoryState, request: DirectoryRequest): Decision {
  const next = changed(state, request);
  if (next instanceof DirectoryRefusal) return { kind: "refused", refusal: next };
  const records = recordsBetween(state, next);
  if (records.length === 0) return { kind: "unchanged" };
  return { kind: "change", records, state: { ...next, epoch: state.epoch + 1 } };
}

/** All requests as one change. */
export function decideAll(state: DirectoryState, requests: readonly DirectoryRequest[]): Decisions {
  const refused: { request: DirectoryRequest; refusal: DirectoryRefusal }[] = [];
  let next = state;
  for (const request of requests) {
    const result = changed(next, request);
    if (result instanceof DirectoryRefusal) refused.push({ request, refusal: result });
    else next = result;
  }
  const records = recordsBetween(state, next);
  return { records, state: records.length === 0 ? state : { ...next, epoch: state.epoch + 1 }, refused };
}

/** The state that the request leads to, its epoch left as it was; the same object: nothing changes. */
function changed(state: DirectoryState, request: DirectoryRequest): DirectoryState | DirectoryRefusal {
  switch (request.kind) {
    case "join":
      return join(state, request);
    case "announce":
      return announce(state, request);
    case "activate":
      return activate(state, request);
    case "drain":
      return drain(state, request);
    case "resume":
      return resume(state, request);
    case "drained":
      return drained(state, request);
    case "decommission":
      return decommission(state, request);
    case "remove":
      return remove(state, request);
    case "report":
      return report(state, request);
    case "wish":
      return wish(state, request);
    case "skip":
      return skip(state, request.entry);
    case "set":
      return setSettings(state, request);
    default:
      return unreachable(request);
  }
}
