/** What the command's process ends with. `docs/errors.md` lists the same numbers. */
export const exitCode: {
  /** It did what was asked; also after Ctrl-C or SIGTERM, once everything has stopped cleanly. */
  readonly done: 0;
  /** Refused with one clear line that names the cure. Nothing was changed. */
  readonly refused: 2;
  /** `coterie status`: no node answered. */
  readonly noAnswer: 3;
  /** A bug of ours: the message has a stack trace and asks for a report. */
  readonly bug: 70;
  /** A second Ctrl-C: stopped at once, without waiting for a clean end. */
  readonly interrupted: 130;
} = { done: 0, refused: 2, noAnswer: 3, bug: 70, interrupted: 130 };
