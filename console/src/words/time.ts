/** Moments in the reader's own zone. The API counts microseconds since 1970. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });

export const MICROS_A_SECOND = 1_000_000;

export function dateOf(us: number): Date {
  return new Date(us / 1000);
}

/** The moment that an id begins with, to the millisecond. */
export function usOf(id: string): number {
  return parseInt(id.slice(0, 8) + id.slice(9, 13), 16) * 1000;
}

export function clockOf(us: number): string {
  return clock.format(dateOf(us));
}

export function shortClockOf(us: number): string {
  return short.format(dateOf(us));
}

export function dayOf(us: number): string {
  return day.format(dateOf(us));
}

/** With its zone, for a tooltip. */
export function wholeOf(us: number): string {
  return whole.format(dateOf(us));
}

export function momentOf(us: number, nowMs: number = Date.now()): string {
  const then = dateOf(us);
  return then.toDateString() === new Date(nowMs).toDateString() ? clockOf(us) : `${dayOf(us)}, ${shortClockOf(us)}`;
}

/** A length of time as two units at most: `2 h 5 min`. */
export function spanOf(us: number): string {
  const seconds = Math.max(0, Math.round(us / MICROS_A_SECOND));
  if (seconds < 60) return `${String(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${String(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${String(hours)} h ${String(minutes % 60)} min` : `${String(hours)} h`;
  return `${String(Math.floor(hours / 24))} d`;
}

export function countdownOf(us: number): string {
  const seconds = Math.max(0, Math.floor(us / MICROS_A_SECOND));
  const pad = (value: number): string => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  return hours ? `${String(hours)}:${pad(Math.floor(seconds / 60) % 60)} h` : `${String(Math.floor(seconds / 60))}:${pad(seconds % 60)} min`;
}

/** What the reader's clock shows at a moment, as an input of the browser takes it: `2026-11-21T08:00`. */
export function localOf(us: number): string {
  const at = dateOf(us);
  const pad = (value: number): string => String(value).padStart(2, "0");
  return `${String(at.getFullYear())}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

/** The same time of day on another day: by the calendar, because a day may have 23 or 25 hours. */
export function movedToDay(us: number, day: Date): number {
  const at = dateOf(us);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()).getTime() * 1000;
}
