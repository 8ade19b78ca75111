/** What a ruling needs to be told: the better text with its difference, the reason of a no, the question. */
import { Button, Textarea } from "@mantine/core";
import { useMemo, useState, type KeyboardEvent, type ReactElement } from "react";
import type { Draft } from "@/screens/reviews/drafts";
import { diffOf } from "@/words/diff";
import { graphemesOf, textOf, type Fields } from "@/words/plain";
import { plural } from "@/words/money";

function onChord(act: () => void, leave: () => void) {
  return (event: KeyboardEvent): void => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      act();
    } else if (event.key === "Escape") leave();
  };
}

export function Difference({ before, after }: { before: string; after: string }): ReactElement {
  const changes = useMemo(() => diffOf(before, after), [before, after]);
  return (
    <div className="untrusted difference" dir="auto" aria-label="What changes">
      {changes.map((change, index) => (change.kind === "added" ? <ins key={index}>{change.text}</ins> : change.kind === "removed" ? <del key={index}>{change.text}</del> : <span key={index}>{change.text}</span>))}
    </div>
  );
}

/** Which argument a person would edit; an action without words has its first text. */
export function wordsIn(args: Fields): string {
  if (typeof args["text"] === "string") return "text";
  return Object.keys(args).find((name) => typeof args[name] === "string" && !["disclosure", "task"].includes(name)) ?? "";
}

export function EditForm({ args, draft, onDone, onLeave: onLeft }: { args: Fields; draft: Draft; onDone: (args: Fields) => void; onLeave: () => void }): ReactElement {
  const name = wordsIn(args);
  const before = textOf(args[name]);
  const [text, setText] = useState(() => draft.read(before));
  const isChanged = text !== before && text.trim() !== "";
  const done = (): void => { if (isChanged) onDone({ ...args, [name]: text }); };
  const write = (next: string): void => { setText(next); draft.write(next); };
  const onLeave = (): void => { draft.drop(); onLeft(); };
  return (
    <form className="stack compose" onSubmit={(event) => { event.preventDefault(); done(); }}>
      <Textarea label={`Edit ${name.replaceAll("_", " ")}`} description="Other words are other bytes: they go through the gate anew, with you as the approver." autosize minRows={3} maxRows={14} data-autofocus autoFocus value={text} onChange={(event) => { write(event.currentTarget.value); }} onKeyDown={onChord(done, onLeave)} />
      {isChanged && <Difference before={before} after={text} />}
      <div className="row"><span className="faint">{plural(graphemesOf(text), "character")}</span><span className="grow" /><Button variant="default" onClick={onLeave}>Cancel</Button><Button type="submit" disabled={!isChanged}>Approve the edit</Button><kbd>⌘↵</kbd></div>
    </form>
  );
}

const REASONS = ["Off voice", "Not true", "Wrong moment", "Too risky", "Spam"];

export function SayForm({ kind, draft, onDone, onLeave: onLeft }: { kind: "reject" | "ask"; draft?: Draft; onDone: (text: string) => void; onLeave: () => void }): ReactElement {
  const [text, setText] = useState(() => draft?.read("") ?? "");
  const done = (): void => { if (text.trim()) onDone(text.trim()); };
  const write = (next: string): void => { setText(next); draft?.write(next); };
  const onLeave = (): void => { draft?.drop(); onLeft(); };
  return (
    <form className="stack compose" onSubmit={(event) => { event.preventDefault(); done(); }}>
      <Textarea label={kind === "reject" ? "Why not" : "What you need to know"} autosize minRows={2} maxLength={2000} data-autofocus autoFocus value={text} onChange={(event) => { write(event.currentTarget.value); }} onKeyDown={onChord(done, onLeave)} />
      {kind === "reject" && <div className="row wrap">{REASONS.map((reason) => <Button key={reason} size="compact-sm" variant="default" onClick={() => { write(reason); }}>{reason}</Button>)}</div>}
      <div className="row"><span className="grow" /><Button variant="default" onClick={onLeave}>Cancel</Button><Button type="submit" color={kind === "reject" ? "vermilion" : "verdigris"} disabled={!text.trim()}>{kind === "reject" ? "Reject" : "Ask"}</Button><kbd>⌘↵</kbd></div>
    </form>
  );
}
