/** From when to when a budget's window lasts, in the house's civil time zone: days there have 23, 24 or 25 hours. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** How far a zone's clocks are ahead of UTC at a moment. */
function aheadMs(atMs: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }).formatToParts(atMs);
  const of = (type: string): number => Number(parts.find((part) => part.type === type)?.value ?? 0);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second")) - Math.floor(atMs / 1000) * 1000;
}

/** The moment at which a civil day begins in a zone. */
function midnightMs(utcDayMs: number, zone: string): number {
  const guess = utcDayMs - aheadMs(utcDayMs, zone);
  return utcDayMs - aheadMs(guess, zone);
}

export interface Span { fromMs: number; toMs: number }

/** The span of a window such as `day` of `2026-11-21`; none for what lasts for ever. */
export function spanOfWindow(period: string, start: string, zone: string): Span | null {
  const hour = /^(\d{4}-\d{2}-\d{2})T(\d{2})Z$/.exec(start);
  if (hour) {
    const fromMs = Date.parse(`${hour[1] ?? ""}T${hour[2] ?? ""}:00:00Z`);
    return { fromMs, toMs: fromMs + HOUR_MS };
  }
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(start);
  if (!match) return null;
  const [year, month, day] = [Number(match[1]), Number(match[2]) - 1, Number(match[3])];
  const first = Date.UTC(year, month, day);
  const last = period === "month" ? Date.UTC(year, month + 1, day) : first + DAY_MS * (period === "week" ? 7 : 1);
  return { fromMs: midnightMs(first, zone), toMs: midnightMs(last, zone) };
}
