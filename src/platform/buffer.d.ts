/** The methods behind `buffer.toString("latin1", …)` and `buffer.write(…, "latin1")`, without the look-up of the encoding. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string;
  latin1Write(text: string, offset?: number, length?: number): number;
}
