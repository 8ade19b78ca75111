/** When what is to come may begin, in the reader's own zone: two weeks, day by day. */
import type { ReactElement } from "react";
import { Link } from "wouter";
import type { Schemas } from "@/api/types";
import { Empty, State } from "@/parts/parts";
import { dayOf, shortClockOf } from "@/words/time";

type Step = Schemas["Node"];

const DAYS = 14;
const SHOWN_MAX = 8;
const MOVING = new Set(["waiting", "ready", "leased", "held", "granted"]);

/** Local midnights by the calendar, not by adding 24 hours: two days in the year are longer or shorter. */
function daysFrom(now: Date): Date[] {
  return Array.from({ length: DAYS }, (_, index) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + index));
}

export function Calendar({ steps }: { steps: readonly Step[] }): ReactElement {
  const now = new Date();
  const days = daysFrom(now);
  const coming = steps.filter((step) => MOVING.has(step.state));
  const onDay = (day: Date): Step[] => coming.filter((step) => {
    const at = step.due_at_us ? new Date(step.due_at_us / 1000) : now;
    return (at < day ? now : at).toDateString() === day.toDateString();
  }).sort((a, b) => a.due_at_us - b.due_at_us);
  if (!coming.length) return <Empty title="Nothing is to come">Every step of this plan has ended. A new input, or a new plan, puts something here.</Empty>;
  return (
    <div className="calendar" role="list" aria-label="The next two weeks">
      {days.map((day) => {
        const found = onDay(day);
        return (
          <div key={day.toISOString()} role="listitem" className="calendar-day" data-empty={found.length === 0 || undefined}>
            <b>{dayOf(day.getTime() * 1000)}</b>
            {found.slice(0, SHOWN_MAX).map((step) => <Link key={step.id} href={`/audit/task/${step.id}`} className="row"><span className="faint">{step.due_at_us > Date.now() * 1000 ? shortClockOf(step.due_at_us) : "now"}</span><span className="cut grow">{step.spec}</span><State of={step.state} /></Link>)}
            {found.length > SHOWN_MAX && <span className="faint">and {found.length - SHOWN_MAX} more</span>}
          </div>
        );
      })}
    </div>
  );
}
