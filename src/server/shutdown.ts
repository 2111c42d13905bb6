/** What `SHUTDOWN` asks of the host. Nothing is lost either way: what was acknowledged is on disk. */
export interface ShutdownRequest {
  readonly isNow: boolean;
  readonly isForced: boolean;
}
