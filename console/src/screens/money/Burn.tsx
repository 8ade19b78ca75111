/** A window as it burns down: what is left against the time that is left, and where this pace leads. */
import type { ReactElement } from "react";
import * as api from "chimera-client";
import { useNowUs } from "@/live/now";
import { Chip, Meter, Money } from "@/parts/parts";
import { plural } from "@/words/money";
import { useSession } from "@/session";
import { spanOfWindow, type Span } from "@/words/period";
import { momentOf } from "@/words/time";

type Window = api.WindowShown;

export const PERIODS = ["posts-hour", "posts-day", "calls-hour", "calls-day", "day", "week", "month", "total"];
const [WIDTH, HEIGHT] = [240, 46];
// Before so much of a window has gone, its pace says nothing.
const TELLING_SHARE = 0.02;

export function partsOf(id: string): { kind: string; name: string; period: string; start: string } {
  const [scope = "", period = "", start = ""] = id.split("|");
  const colon = scope.indexOf(":");
  return { kind: colon < 0 ? scope : scope.slice(0, colon), name: colon < 0 ? "" : scope.slice(colon + 1), period, start };
}

const goneOf = (span: Span, nowMs: number): number => Math.min(1, Math.max(0, (nowMs - span.fromMs) / (span.toMs - span.fromMs)));

/** When nothing would be left at the pace so far, if that is before the window's end. */
export function emptyAtMs(window: Window, span: Span, nowMs: number): number | null {
  const gone = goneOf(span, nowMs);
  const used = window.spent_micros + window.held_micros;
  if (gone < TELLING_SHARE || used <= 0 || window.room_micros <= 0) return null;
  const at = nowMs + (window.room_micros / used) * (nowMs - span.fromMs);
  return at < span.toMs ? at : null;
}

function Chart({ window, span, nowMs }: { window: Window; span: Span; nowMs: number }): ReactElement {
  const gone = goneOf(span, nowMs);
  const left = window.cap_micros > 0 ? Math.max(0, Math.min(1, window.room_micros / window.cap_micros)) : 0;
  const y = (share: number): number => 4 + (1 - share) * (HEIGHT - 8);
  const empty = emptyAtMs(window, span, nowMs);
  const slope = gone > TELLING_SHARE ? (1 - left) / gone : 0;
  const end = empty !== null ? { x: goneOf(span, empty), y: 0 } : { x: 1, y: Math.max(0, 1 - slope) };
  const tone = window.overrun_micros > 0 || window.room_micros <= 0 ? "var(--stop)" : empty !== null ? "var(--wait)" : "var(--go)";
  const label = `${String(Math.round(left * 100))} percent is left, ${String(Math.round((1 - gone) * 100))} percent of the time`;
  return (
    <svg className="burn" viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <title>{label}</title>
      <line x1={0} y1={y(1)} x2={WIDTH} y2={y(0)} className="even" />
      <polygon points={`0,${String(y(1))} ${String(gone * WIDTH)},${String(y(left))} ${String(gone * WIDTH)},${String(y(0))} 0,${String(y(0))}`} fill={tone} opacity={0.11} />
      <line x1={0} y1={y(1)} x2={gone * WIDTH} y2={y(left)} stroke={tone} className="been" />
      <line x1={gone * WIDTH} y1={y(left)} x2={end.x * WIDTH} y2={y(end.y)} stroke={tone} className="to-come" />
    </svg>
  );
}

/** What a window has: money, or so many posts or calls. */
function Amount({ of, unit }: { of: number; unit: string }): ReactElement {
  return unit ? <>{plural(of, unit.replace(/s$/, ""), unit)}</> : <Money micros={of} />;
}

export function Burn({ window, name }: { window: Window; name: string }): ReactElement {
  const { period, start } = partsOf(window.id);
  const nowMs = useNowUs() / 1000;
  const span = spanOfWindow(period, start, useSession().timezone);
  const isNow = span !== null && nowMs < span.toMs;
  const empty = isNow ? emptyAtMs(window, span, nowMs) : null;
  return (
    <li>
      <div className="row"><b className="cut grow" style={{ fontWeight: 500 }}>{name}</b>{window.overrun_micros > 0 && <Chip tone="stop">over by <Amount of={window.overrun_micros} unit={window.unit} /></Chip>}{empty !== null && <Chip tone="wait" title="At the pace so far">empty {momentOf(empty * 1000, nowMs)}</Chip>}<span><Amount of={window.spent_micros} unit={window.unit} /> <span className="faint">of <Amount of={window.cap_micros} unit={window.unit} /></span></span></div>
      {isNow ? <Chart window={window} span={span} nowMs={nowMs} /> : <div style={{ margin: "5px 0 3px" }}><Meter spent={window.spent_micros} held={window.held_micros} cap={window.cap_micros} over={window.overrun_micros} /></div>}
      <div className="row faint" style={{ fontSize: 12 }}><span className="grow">{period === "total" ? "in all" : `${period.replace(/^.*-/, "")} of ${start}`}{span !== null && !isNow && ", over"}{isNow && window.unit !== "" && `, again ${momentOf(span.toMs * 1000, nowMs)}`}</span>{window.held_micros > 0 && <span><Amount of={window.held_micros} unit={window.unit} /> set aside</span>}<span><Amount of={window.room_micros} unit={window.unit} /> left</span></div>
    </li>
  );
}
