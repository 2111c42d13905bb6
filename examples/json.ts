/** A message becomes JSON, and JSON a message again. */

interface Message {
  readonly sender: string;
  readonly content: string;
}

/** JSON that comes from elsewhere may be anything: whether it is a message is seen by looking at it. */
function isMessage(value: unknown): value is Message {
  return (
    typeof value === "object" &&
    value !== null &&
    "sender" in value &&
    typeof value.sender === "string" &&
    "content" in value &&
    typeof value.content === "string"
  );
}

export function main(output: (line: string) => void): void {
  const message: Message = { sender: "Client", content: "Hello, Server!" };
  const text = JSON.stringify(message);
  output(text);
  const decoded: unknown = JSON.parse(text);
  if (!isMessage(decoded)) throw new TypeError(`not a message: ${text}`);
  output(`${decoded.sender} ${decoded.content}`);
}
