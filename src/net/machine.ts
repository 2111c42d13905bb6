import { createNodePlatform, type Platform } from "../platform/index.ts";

let shared: Platform | undefined;

/** What programs run on that are given no other network: this machine, made when first asked for. */
export function machine(): Platform {
  shared ??= createNodePlatform();
  return shared;
}
