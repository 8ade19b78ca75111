/** When what is to come may begin, in the reader's own zone: two weeks, day by day. A step is moved by dragging it, or by its menu. */
import { Button, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type DragEvent, type ReactElement } from "react";
import { Link } from "wouter";
import * as api from "chimera-client";
import { Dialogue } from "@/parts/Dialogue";
import { Icon } from "@/parts/Icon";
import { Empty, ProblemNote, State } from "@/parts/parts";
import { useMay } from "@/session";
import { dayOf, localOf, movedToDay, shortClockOf, wholeOf } from "@/words/time";

type Step = api.Node;
interface Move { step: Step; toUs: number }

const DAYS = 14;
const SHOWN_MAX = 8;
const MOVING = new Set(["waiting", "ready", "leased", "held", "granted"]);
const MOVABLE = new Set(["waiting", "ready"]);

/** Local midnights by the calendar, not by adding 24 hours: two days in the year are longer or shorter. */
function daysFrom(now: Date): Date[] {
  return Array.from({ length: DAYS }, (_, index) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + index));
}

/** Moves a step: on screen at once, back where it was, visibly, when the API refuses. */
function useMove(campaignId: string) {
  const client = useQueryClient();
  const key = ["campaigns", campaignId, "plan"];
  return useMutation({
    mutationFn: async ({ step, toUs }: Move) => {
      const { version } = await api.tasksShow({ path: { task_id: step.id } });
      return api.tasksReschedule({ path: { task_id: step.id }, headers: api.from(version), body: { at_us: toUs } });
    },
    onMutate: async ({ step, toUs }) => {
      await client.cancelQueries({ queryKey: key });
      const before = client.getQueryData<Step[]>(key);
      client.setQueryData<Step[]>(key, (steps) => steps?.map((one) => (one.id === step.id ? { ...one, due_at_us: toUs } : one)));
      return { before };
    },
    onError: (_, __, context) => { client.setQueryData(key, context?.before); },
    onSuccess: (_, { step, toUs }) => { notifications.show({ message: `${step.spec} begins no earlier than ${wholeOf(toUs)}`, color: "verdigris" }); },
    onSettled: () => client.invalidateQueries({ queryKey: key }),
  });
}

function MoveDialogue({ step, onMove, onClose }: { step: Step; onMove: (toUs: number) => void; onClose: () => void }): ReactElement {
  const [local, setLocal] = useState(localOf(Math.max(step.due_at_us, Date.now() * 1000 + 3_600_000_000)));
  const chosen = new Date(local);
  const isAhead = chosen.getTime() > Date.now();
  // A clock that is put forward never shows some minutes; the browser takes the moment after.
  const isSkipped = isAhead && localOf(chosen.getTime() * 1000) !== local;
  return (
    <Dialogue title="Move it to another time" isOpen onClose={onClose} does="Move it" isReady={isAhead} isBusy={false} error={null} onDone={() => { onMove(chosen.getTime() * 1000); onClose(); }}>
      <p className="soft" style={{ margin: 0 }}><b>{step.spec}</b> ({step.key.slice(0, 60)}) begins no earlier than this. What waits for it begins after it.</p>
      <TextInput type="datetime-local" label="Not before" description={`In your zone, ${Intl.DateTimeFormat().resolvedOptions().timeZone}`} data-autofocus value={local} error={local && !isAhead ? "choose a time that lies ahead" : undefined} onChange={(event) => { setLocal(event.currentTarget.value); }} />
      {isSkipped && <p style={{ margin: 0 }}>The clocks are put forward then and skip this time: it will be {wholeOf(chosen.getTime() * 1000)}.</p>}
    </Dialogue>
  );
}

function Entry({ step, mayMove, onAsk }: { step: Step; mayMove: boolean; onAsk: () => void }): ReactElement {
  const isMovable = mayMove && MOVABLE.has(step.state);
  const begin = (event: DragEvent): void => { event.dataTransfer.setData("text/plain", step.id); event.dataTransfer.effectAllowed = "move"; };
  return (
    <div className="calendar-step" draggable={isMovable} onDragStart={begin} data-movable={isMovable || undefined}>
      <span className="faint">{step.due_at_us > Date.now() * 1000 ? shortClockOf(step.due_at_us) : "now"}</span>
      <Link href={`/audit/task/${step.id}`} className="cut grow" draggable={false} title={step.key}>{step.spec}</Link>
      {isMovable ? <button type="button" className="bare" aria-label={`Move ${step.spec}`} title="Move it to another time" onClick={onAsk}><Icon name="clock" size={14} /></button> : <State of={step.state} />}
    </div>
  );
}

export function Calendar({ campaignId, steps }: { campaignId: string; steps: readonly Step[] }): ReactElement {
  const mayMove = useMay()("goal.give");
  const move = useMove(campaignId);
  const [asked, setAsked] = useState<Step | null>(null);
  const [over, setOver] = useState("");
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const now = new Date();
  const coming = steps.filter((step) => MOVING.has(step.state));
  if (!coming.length) return <Empty title="Nothing is to come">Every step of this plan has ended. A new input, or a new plan, puts something here.</Empty>;
  const beginsAt = (step: Step): number => Math.max(step.due_at_us / 1000, now.getTime());
  // Of those that may begin at once, whatever can still be moved comes first: the rest may fill the day's first lines.
  const inOrder = (a: Step, b: Step): number => beginsAt(a) - beginsAt(b) || Number(MOVABLE.has(b.state)) - Number(MOVABLE.has(a.state));
  const onDay = (day: Date): Step[] => coming.filter((step) => new Date(beginsAt(step)).toDateString() === day.toDateString()).sort(inOrder);
  const drop = (event: DragEvent, day: Date): void => {
    event.preventDefault();
    setOver("");
    const step = coming.find((one) => one.id === event.dataTransfer.getData("text/plain"));
    if (!step) return;
    const toUs = movedToDay(Math.max(step.due_at_us, now.getTime() * 1000), day);
    if (toUs > Date.now() * 1000) move.mutate({ step, toUs });
  };
  return (
    <>
      {move.isError && <div style={{ padding: 12 }}><ProblemNote error={move.error} /><p className="soft">It is back where it was.</p></div>}
      <div className="calendar" role="list" aria-label="The next two weeks">
        {daysFrom(now).map((day) => {
          const found = onDay(day);
          const name = day.toDateString();
          const shown = open.has(name) ? found : found.slice(0, SHOWN_MAX);
          return (
            <div key={name} role="listitem" className="calendar-day" data-day={localOf(day.getTime() * 1000).slice(0, 10)} data-empty={found.length === 0 || undefined} data-over={over === name || undefined} onDragOver={(event) => { event.preventDefault(); if (over !== name) setOver(name); }} onDragLeave={() => { setOver(""); }} onDrop={(event) => { drop(event, day); }}>
              <b>{dayOf(day.getTime() * 1000)}</b>
              {shown.map((step) => <Entry key={step.id} step={step} mayMove={mayMove} onAsk={() => { setAsked(step); }} />)}
              {shown.length < found.length && <Button size="compact-xs" variant="subtle" onClick={() => { setOpen(new Set([...open, name])); }}>and {found.length - shown.length} more</Button>}
            </div>
          );
        })}
      </div>
      {mayMove && <p className="faint calendar-foot">Drag what has not begun to another day: it keeps its time of day, whatever the clocks do between. The clock beside it sets the time.</p>}
      {asked && <MoveDialogue key={asked.id} step={asked} onClose={() => { setAsked(null); }} onMove={(toUs) => { move.mutate({ step: asked, toUs }); }} />}
    </>
  );
}
