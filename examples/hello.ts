/** The first program of every course. */
export function main(output: (line: string) => void): void {
  output("Hello, Go!");
}
