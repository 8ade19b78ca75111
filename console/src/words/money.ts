/** Whole millionths of a currency's unit, as people read them. Nothing here adds money up as a fraction. */

export function moneyOf(micros: number, currency: string): string {
  const cents = Math.abs(micros) % 10_000 === 0;
  const digits = cents || Math.abs(micros) >= 1_000_000 ? 2 : 4;
  return new Intl.NumberFormat(undefined, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(micros / 1_000_000);
}

/** What a person typed, as whole micros; nothing when it is no amount. Done on digits: `0.1` has no exact binary form. */
export function microsOf(typed: string): number | null {
  const match = /^\s*(\d{1,9})(?:[.,](\d{1,6}))?\s*$/.exec(typed);
  if (!match) return null;
  const micros = Number(match[1]) * 1_000_000 + Number((match[2] ?? "").padEnd(6, "0"));
  return micros > 0 ? micros : null;
}

const counts = new Intl.NumberFormat();

export function countOf(value: number): string {
  return counts.format(value);
}

export function percentOf(basisPoints: number): string {
  return `${(basisPoints / 100).toFixed(basisPoints % 100 === 0 ? 0 : 1)}\u00a0%`;
}

/** `1 review`, `2 reviews`. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${countOf(count)} ${count === 1 ? one : many}`;
}
