/**
 * True if only programs of this machine reach `host`: 127.0.0.0/8, ::1 and "localhost". Any other name might resolve
 * to anything and counts as open to others.
 */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase();
  return plain === "localhost" || plain === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(plain);
}
