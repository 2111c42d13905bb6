/** Variables: with their type written down, and with the type that follows from the value. */
export function main(output: (line: string) => void): void {
  // Go: var x int = 10
  const x: number = 10;
  // Go: y := 20
  const y = 20;
  output(`${x} ${y}`);
}
