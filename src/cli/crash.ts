/**
 * What happens to an error that nobody caught, a bug of ours: `handler` ends the process. A later handler takes the
 * place of an earlier one.
 */
export function onCrash(handler: (error: Error) => void): void {
  // Node refuses a second one before the first is taken away.
  process.setUncaughtExceptionCaptureCallback(null);
  process.setUncaughtExceptionCaptureCallback(handler);
}
