/** The kill switch and its lighter kind, on every page: choose a scope, read what it does, say why. Lifting is as deliberate. */
import { Button, Menu, Modal, SegmentedControl, Select, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useHalts, useRead } from "@/api/queries";
import { Icon } from "@/parts/Icon";
import { ProblemNote, When } from "@/parts/parts";
import { useMay } from "@/session";
import { plural } from "@/words/money";

type Halt = api.Halt;
type Preview = api.HaltPreview;

type Kind = "halt" | "pause";
interface Asked { scope: string; kind: Kind }

const OPEN = "chimera:halt";
/** Opens the dialogue from anywhere, with a scope if one is meant. */
export function openHalt(scope?: unknown, kind: Kind = "halt"): void {
  window.dispatchEvent(new CustomEvent(OPEN, { detail: { scope: typeof scope === "string" ? scope : "fleet", kind } }));
}

const KINDS = [
  { value: "fleet", label: "The whole fleet" },
  { value: "platform", label: "A network" },
  { value: "agent", label: "An agent" },
  { value: "campaign", label: "A campaign" },
  { value: "tool", label: "A tool" },
  { value: "category", label: "A category of spending" },
  { value: "recipient", label: "A recipient of money" },
];
/** What is planned by one of these can be paused; anything else can only be halted. */
const PLANNED_BY = new Set(["fleet", "platform", "agent", "campaign"]);
const WORDS = {
  halt: { what: "What to halt", leave: "Leave it running", act: "Halt", color: "vermilion" },
  pause: { what: "What to pause", leave: "Leave it going", act: "Pause", color: undefined },
};
const HINTS: Record<string, string> = { platform: "sandbox", tool: "trends", category: "publishing", recipient: "render-farm", campaign: "the campaign's id" };

function AgentPick({ value, onChange }: { value: string; onChange: (id: string) => void }): ReactElement {
  const [words, setWords] = useState("");
  const found = useRead(["agents", "halt"], (asked) => api.agentsList(asked), { query: { q: words, limit: 20 } });
  const options = (found.data?.items ?? []).map((agent) => ({ value: agent.id, label: `${agent.persona} (${agent.name})` }));
  return <Select label="Agent" searchable data={options} value={value || null} onChange={(id) => { onChange(id ?? ""); }} onSearchChange={setWords} filter={({ options: all }) => all} nothingFoundMessage="No agent by that name" />;
}

function WhatItDoes({ preview }: { preview: Preview }): ReactElement {
  return (
    <div className="problem" style={{ borderColor: "var(--wait)", background: "var(--wait-wash)" }} aria-label="What this does">
      <p style={{ marginTop: 0 }}>{preview.in_words}</p>
      <p className="soft">
        {[
          preview.tasks_moving !== null && `${plural(preview.tasks_moving, "task")} on the way wait`,
          preview.reviews_waiting !== null && `${plural(preview.reviews_waiting, "review")} can still be looked at`,
          preview.halted_already && "this scope is halted already",
          preview.covered_by.length > 0 && `covered by ${preview.covered_by.join(", ")}`,
        ].filter(Boolean).join(" · ")}
      </p>
    </div>
  );
}

function HaltDialogue({ asked, onKind, onClose }: { asked: Asked; onKind: (kind: Kind) => void; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const given = asked.scope;
  const words = WORDS[asked.kind];
  const kinds = KINDS.filter((one) => asked.kind === "halt" || PLANNED_BY.has(one.value));
  const [kind, setKind] = useState(given.split(":")[0] ?? "fleet");
  const [name, setName] = useState(given.includes(":") ? given.slice(given.indexOf(":") + 1) : "");
  const [reason, setReason] = useState("");
  const change = (to: string): void => {
    onKind(to === "pause" ? "pause" : "halt");
    if (to === "pause" && !PLANNED_BY.has(kind)) setKind("fleet");
  };
  const scope = kind === "fleet" ? "fleet" : `${kind}:${name.trim()}`;
  const isNamed = kind === "fleet" || name.trim() !== "";
  const preview = useRead(["halts", "preview", asked.kind], (asked) => api.haltsPreview(asked), { query: { scope, kind: asked.kind }, when: isNamed });
  const begin = useMutation({
    mutationFn: () => api.haltsBegin({ body: { scope, reason: reason.trim(), kind: asked.kind } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["halts"] }); void client.invalidateQueries({ queryKey: ["fleet"] }); onClose(); },
  });
  return (
    <form className="stack" onSubmit={(event) => { event.preventDefault(); if (reason.trim() && isNamed) begin.mutate(); }}>
      <SegmentedControl aria-label="How" fullWidth data={[{ value: "halt", label: "Halt: nothing more goes out" }, { value: "pause", label: "Pause: finish what is begun" }]} value={asked.kind} onChange={change} />
      <Select label={words.what} data={kinds} value={kind} allowDeselect={false} onChange={(value) => { setKind(value ?? "fleet"); setName(""); }} />
      {kind === "agent" && <AgentPick value={name} onChange={setName} />}
      {kind !== "fleet" && kind !== "agent" && <TextInput label="Which" placeholder={HINTS[kind]} value={name} onChange={(event) => { setName(event.currentTarget.value); }} />}
      {preview.isError ? <ProblemNote error={preview.error} /> : preview.data && isNamed && <WhatItDoes preview={preview.data} />}
      <Textarea label="Why" description="Stands in the record beside your name" required autosize minRows={2} maxLength={2000} data-autofocus value={reason} onChange={(event) => { setReason(event.currentTarget.value); }} />
      {begin.isError && <ProblemNote error={begin.error} />}
      <div className="row" style={{ justifyContent: "flex-end" }}>
        <Button variant="default" onClick={onClose}>{words.leave}</Button>
        <Button type="submit" {...(words.color && { color: words.color })} loading={begin.isPending} disabled={!reason.trim() || !isNamed}>{words.act} {kind === "fleet" ? "the fleet" : "it"} now</Button>
      </div>
    </form>
  );
}

function LiftDialogue({ halt, onClose }: { halt: Halt; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const lift = useMutation({
    mutationFn: () => api.haltsEnd({ body: { scope: halt.halted } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["halts"] }); void client.invalidateQueries({ queryKey: ["fleet"] }); onClose(); },
  });
  return (
    <div className="stack">
      <p style={{ margin: 0 }}>{halt.halted === "fleet" ? "The fleet" : <code>{halt.halted}</code>} was {halt.state === "paused" ? "paused" : "halted"} by {halt.by} <When us={halt.since_us} age />: “{halt.reason}”</p>
      <p className="soft" style={{ margin: 0 }}>When it is lifted, work goes on from where it stopped. Everything is decided anew under today’s policy, caps and other halts.</p>
      {lift.isError && <ProblemNote error={lift.error} />}
      <div className="row" style={{ justifyContent: "flex-end" }}>
        <Button variant="default" onClick={onClose}>{halt.state === "paused" ? "Leave it paused" : "Leave it halted"}</Button>
        <Button loading={lift.isPending} onClick={() => { lift.mutate(); }} data-autofocus>Resume</Button>
      </div>
    </div>
  );
}

export function HaltControl(): ReactElement {
  const may = useMay();
  const halts = useHalts();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [lifting, setLifting] = useState<Halt | null>(null);
  useEffect(() => {
    const open = (event: Event): void => { setAsked((event as CustomEvent<Asked>).detail); };
    window.addEventListener(OPEN, open);
    return () => { window.removeEventListener(OPEN, open); };
  }, []);
  const found = halts.data?.items ?? [];
  return (
    <>
      {found.length > 0 && may("halt.lift") && (
        <Menu position="bottom-end">
          <Menu.Target><Button variant="default" leftSection={<Icon name="play" />}>Resume…</Button></Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>Halted or paused now</Menu.Label>
            {found.map((halt) => <Menu.Item key={halt.id} onClick={() => { setLifting(halt); }}>{halt.halted.slice(0, 60)}{halt.state === "paused" && " (paused)"}</Menu.Item>)}
          </Menu.Dropdown>
        </Menu>
      )}
      {may("halt.set") && <Button variant="default" className="wide-only" onClick={() => { setAsked({ scope: "fleet", kind: "pause" }); }}>Pause…</Button>}
      {may("halt.set") && <Button color="vermilion" leftSection={<Icon name="halt" />} onClick={() => { setAsked({ scope: "fleet", kind: "halt" }); }}>Halt…</Button>}
      <Modal opened={asked !== null} onClose={() => { setAsked(null); }} title={asked?.kind === "pause" ? "Pause" : "Halt"}>{asked !== null && <HaltDialogue key={asked.scope} asked={asked} onKind={(kind) => { setAsked({ ...asked, kind }); }} onClose={() => { setAsked(null); }} />}</Modal>
      <Modal opened={lifting !== null} onClose={() => { setLifting(null); }} title="Resume">{lifting && <LiftDialogue halt={lifting} onClose={() => { setLifting(null); }} />}</Modal>
    </>
  );
}
