import * as api from "chimera-client";
/** Recomputes a chain in the browser: hash = sha256(previous ‖ sequence, 8 bytes big ‖ sha256(body)). Trusts no answer but the bytes. */

export interface Flawed {
  chain: string;
  sequence: number;
  what: string;
}
export interface Verified {
  chain: string;
  checked: number;
  total: number;
  flaws: Flawed[];
  done: boolean;
}

const HASH_BYTES = 32;
const SLICE = 1000;
const FLAWS_MAX = 50;

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function linkHash(previous: Uint8Array, sequence: number, body: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const inner = new Uint8Array(await crypto.subtle.digest("SHA-256", body));
  const whole = new Uint8Array(HASH_BYTES + 8 + HASH_BYTES);
  whole.set(previous, 0);
  new DataView(whole.buffer).setBigUint64(HASH_BYTES, BigInt(sequence));
  whole.set(inner, HASH_BYTES + 8);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

async function hashesOf(slice: api.ChainSlice): Promise<Uint8Array[]> {
  // Each link is hashed after the hash that the chain claims for the one before it: they are independent, so all at once.
  const before = [fromHex(slice.previous), ...slice.links.map((link) => fromHex(link.hash))];
  return Promise.all(slice.links.map((link, index) => linkHash(before[index] ?? new Uint8Array(HASH_BYTES), link.sequence, bytesOf(link.body))));
}

/** One chain from its beginning to where its head was when we began. */
export async function verifyChain(head: api.ChainShown, tell: (so: Verified) => void, signal: AbortSignal): Promise<Verified> {
  const so: Verified = { chain: head.chain, checked: 0, total: head.sequence, flaws: [], done: false };
  const flaw = (sequence: number, what: string): void => { if (so.flaws.length < FLAWS_MAX) so.flaws.push({ chain: head.chain, sequence, what }); };
  let [after, last] = [0, "0".repeat(64)];
  while (after < head.sequence) {
    const slice = await api.auditSlice({ query: { chain: head.chain, after, limit: Math.min(SLICE, head.sequence - after) }, signal });
    if (slice.previous !== last) flaw(after + 1, "the hash before it is not the one that the last part ended with");
    const hashes = await hashesOf(slice);
    slice.links.forEach((link, index) => {
      if (link.sequence !== after + index + 1) flaw(link.sequence, `expected sequence ${String(after + index + 1)}: something is missing or out of order`);
      if (toHex(hashes[index] ?? new Uint8Array()) !== link.hash) flaw(link.sequence, "the body or its place in the chain differs from its hash");
    });
    const end = slice.links.at(-1);
    if (!end) { flaw(after + 1, `sequences from ${String(after + 1)} to ${String(head.sequence)} are missing`); break; }
    after = end.sequence;
    last = end.hash;
    so.checked = after;
    tell({ ...so, flaws: [...so.flaws] });
  }
  if (so.flaws.length === 0 && last !== head.hash) flaw(head.sequence, "the last hash differs from the chain's head");
  so.done = true;
  tell({ ...so, flaws: [...so.flaws] });
  return so;
}
