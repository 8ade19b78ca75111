/** Oneself: what one’s roles permit, another password, a telephone’s codes, open sessions. */
import { Button, PasswordInput, SegmentedControl } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Dialogue, Secret } from "@/parts/Dialogue";
import { Chip, Empty, Found, Panel, ProblemNote, When } from "@/parts/parts";
import { useSession } from "@/session";
import { chooseUndoSeconds, UNDO_CHOICES, undoSeconds } from "@/screens/reviews/rulings";
import { meaningOf } from "@/words/verbs";

const PASSWORD_LENGTH_MIN = 12;

/** Whether two entries make a password, and what is said of it when they do not. */
export function passwordFault(first: string, second: string): string | undefined {
  if (first && first.length < PASSWORD_LENGTH_MIN) return `at least ${String(PASSWORD_LENGTH_MIN)} characters: four unrelated words do`;
  return second && first !== second ? "the two differ" : undefined;
}

/** The password in force, once more: a page that was left open is not the person who left it. */
function Current({ value, onChange }: { value: string; onChange: (text: string) => void }): ReactElement {
  return <PasswordInput label="Password in force" description="Leave it empty if you have none yet" autoComplete="current-password" data-autofocus value={value} onChange={(event) => { onChange(event.currentTarget.value); }} />;
}

function PasswordDialogue({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  const [current, setCurrent] = useState("");
  const [first, setFirst] = useState("");
  const [second, setSecond] = useState("");
  const fault = passwordFault(first, second);
  const change = useMutation({
    mutationFn: () => api.sessionPassword({ body: { current, new: first } }),
    onSuccess: () => { location.assign("/"); },
  });
  return (
    <Dialogue title="Another password" isOpen={isOpen} onClose={onClose} does="Set it" isReady={first !== "" && first === second && fault === undefined} isBusy={change.isPending} error={change.error} onDone={() => { change.mutate(); }}>
      <p className="soft" style={{ margin: 0 }}>All your sessions end with it, this one too: you log in again with the new one.</p>
      <Current value={current} onChange={setCurrent} />
      <PasswordInput label="New password" autoComplete="new-password" required value={first} onChange={(event) => { setFirst(event.currentTarget.value); }} />
      <PasswordInput label="Once more" autoComplete="new-password" required error={fault} value={second} onChange={(event) => { setSecond(event.currentTarget.value); }} />
    </Dialogue>
  );
}

/** The part of the address that a person can type into the app. */
function secretIn(address: string): string {
  const secret = /[?&]secret=([^&]+)/.exec(address)?.[1] ?? "";
  return secret.replace(/(.{4})/g, "$1 ").trim();
}

function CodesDialogue({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  const session = useSession();
  const [current, setCurrent] = useState("");
  const begin = useMutation({ mutationFn: () => api.sessionCodes({ body: { current } }) });
  if (begin.data) {
    return (
      <Dialogue title="Your key for codes" isOpen={isOpen} onClose={onClose} onDone={onClose} does="The app has it" leave="Close" isReady isBusy={false} error={null}>
        <p style={{ margin: 0 }}>In your authenticator’s app, enter a key by hand: account <b>{session.name}</b>, six digits, every thirty seconds.</p>
        <Secret label="Key" text={secretIn(begin.data.address)} />
        <p className="soft" style={{ margin: 0 }}>On a telephone, <a href={begin.data.address}>this address opens the app</a>. From now on, logging in by password asks for a code.</p>
      </Dialogue>
    );
  }
  return (
    <Dialogue title="One-time codes" isOpen={isOpen} onClose={onClose} does="Make a key" isReady isBusy={begin.isPending} error={begin.error} onDone={() => { begin.mutate(); }}>
      <p className="soft" style={{ margin: 0 }}>A new key replaces the one before: an app that holds the old one no longer lets you in.</p>
      <Current value={current} onChange={setCurrent} />
    </Dialogue>
  );
}

function Sessions(): ReactElement {
  const client = useQueryClient();
  const sessions = useRead(["people", "sessions"], (asked) => api.sessionsList(asked));
  const end = useMutation({ mutationFn: (id: string) => api.sessionsEnd({ path: { session_id: id } }), onSettled: () => client.invalidateQueries({ queryKey: ["people", "sessions"] }) });
  return (
    <Panel title="Where you are logged in" bare>
      {end.isError && <ProblemNote error={end.error} />}
      <Found query={sessions}>{(found) => found.items.length === 0 ? <Empty title="By a token">No session of yours is open in a browser.</Empty> : <ul className="plain-list">{found.items.map((one) => <li key={one.id} className="row"><span className="grow">{one.address || "here"} <span className="faint">since <When us={one.opened_at_us} />, seen <When us={one.seen_at_us} age /></span></span>{one.current ? <Chip tone="go">this one</Chip> : <Button size="compact-sm" variant="default" loading={end.isPending && end.variables === one.id} onClick={() => { end.mutate(one.id); }}>End it</Button>}</li>)}</ul>}</Found>
    </Panel>
  );
}

/** Nobody has to be quick: how long a ruling waits before it is sent. */
function TakingBack(): ReactElement {
  const [seconds, setSeconds] = useState(String(undoSeconds()));
  return (
    <Panel title="Taking back" note="kept in this browser">
      <div className="stack">
        <p className="soft" style={{ margin: 0 }}>How long a ruling of yours waits, so that <kbd>u</kbd> takes it back, before it is sent.</p>
        <div><SegmentedControl aria-label="Seconds to take a ruling back" data={UNDO_CHOICES.map((one) => ({ value: one, label: `${one} s` }))} value={seconds} onChange={(chosen) => { setSeconds(chosen); chooseUndoSeconds(chosen); }} /></div>
      </div>
    </Panel>
  );
}

export function You(): ReactElement {
  const session = useSession();
  const [isChanging, setChanging] = useState(false);
  const [isCoding, setCoding] = useState(false);
  const byThing = Map.groupBy(session.permitted, (one) => one.split(".")[0] ?? "");
  return (
    <div className="grid two">
      <div className="stack">
        <Panel title="You"><dl className="facts"><dt>Name</dt><dd>{session.name}</dd><dt>Roles</dt><dd className="row wrap">{session.roles.map((role) => <Chip key={role} tone="go">{role}</Chip>)}</dd><dt>Where</dt><dd>{session.within.join(", ") || "everywhere"}</dd><dt>House’s zone</dt><dd>{session.timezone}</dd><dt>Your zone</dt><dd>{Intl.DateTimeFormat().resolvedOptions().timeZone} <span className="faint">times are shown in it</span></dd></dl></Panel>
        <Panel title="Password"><div className="stack"><p className="soft" style={{ margin: 0 }}>With a password you can log in from anywhere that reaches this address, without the link that <code>chimera up</code> prints.</p><div><Button variant="default" onClick={() => { setChanging(true); }}>Set a password…</Button></div></div></Panel>
        <Panel title="One-time codes"><div className="stack"><p className="soft" style={{ margin: 0 }}>A second thing that only you have: six digits from an app, asked for after the password.</p><div><Button variant="default" onClick={() => { setCoding(true); }}>Set up codes…</Button></div></div></Panel>
        {session.permitted.includes("review.rule") && <TakingBack />}
        <Sessions />
      </div>
      <Panel title="What you may do" note="asked anew with every request" bare>
        <ul className="plain-list small">{[...byThing].flatMap(([, verbs]) => verbs).map((verb) => <li key={verb} className="row" style={{ alignItems: "baseline" }}><code style={{ width: 116, flex: "none" }}>{verb}</code><span className="soft">{meaningOf(verb)}</span></li>)}</ul>
      </Panel>
      <PasswordDialogue key={String(isChanging)} isOpen={isChanging} onClose={() => { setChanging(false); }} />
      <CodesDialogue key={`codes ${String(isCoding)}`} isOpen={isCoding} onClose={() => { setCoding(false); }} />
    </div>
  );
}
