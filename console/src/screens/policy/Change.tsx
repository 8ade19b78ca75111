/** Writing another policy: bands by their figures, rules as text; tried in every way before it is put on record. */
import { Button, NumberInput, SegmentedControl, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState, type ReactElement } from "react";
import { useLocation } from "wouter";
import * as api from "chimera-client";
import { Dialogue } from "@/parts/Dialogue";
import { Hunks } from "@/parts/Hunks";
import { Chip, Empty, Panel } from "@/parts/parts";
import { Trials, type Pack, type Shown } from "@/screens/policy/Trials";
import { fieldsOf, type Fields } from "@/words/plain";

const BANDS = [
  { name: "proceed_bp", label: "Goes out by itself from", says: "% confidence" },
  { name: "monitored_bp", label: "Goes out, looked at after, from", says: "% confidence" },
  { name: "human_bp", label: "Asks a person from", says: "below it is refused" },
] as const;

function parsed(bands: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(bands));
  } catch {
    return null;
  }
}

function BandFields({ bands, onChange }: { bands: string; onChange: (bands: string) => void }): ReactElement {
  const found = parsed(bands);
  if (!found) return <Textarea label="bands.json" error="not JSON" autosize value={bands} onChange={(event) => { onChange(event.currentTarget.value); }} />;
  return (
    <div className="grid three">
      {BANDS.map((band) => <NumberInput key={band.name} label={band.label} description={band.says} min={0} max={100} decimalScale={2} suffix=" %" value={Number(found[band.name] ?? 0) / 100} onChange={(value) => { onChange(JSON.stringify({ ...found, [band.name]: Math.round(Number(value) * 100) })); }} />)}
    </div>
  );
}

function Propose({ pack, isOpen, onClose }: { pack: Pack; isOpen: boolean; onClose: () => void }): ReactElement {
  const [, go] = useLocation();
  const client = useQueryClient();
  const [why, setWhy] = useState("");
  const propose = useMutation({
    mutationFn: () => api.policyPropose({ body: { pack, why: why.trim() } }),
    onSuccess: (row) => { void client.invalidateQueries({ queryKey: ["policy"] }); go(`/policy/versions/${String(row.number)}`); },
  });
  return (
    <Dialogue title="Propose it" isOpen={isOpen} onClose={onClose} does="Put it on record" isReady={why.trim() !== ""} isBusy={propose.isPending} error={propose.error} onDone={() => { propose.mutate(); }}>
      <p className="soft" style={{ margin: 0 }}>It becomes a version, and decides nothing until a person applies it.</p>
      <Textarea label="Why" description="Stands in the record beside your name" required autosize minRows={2} maxLength={2000} data-autofocus value={why} onChange={(event) => { setWhy(event.currentTarget.value); }} />
    </Dialogue>
  );
}

type View = "write" | "differs" | "trials";

/** The pack's own tests, one a line. */
const casesText = (cases: readonly unknown[]): string => `[\n${cases.map((one) => JSON.stringify(one, (_, value: unknown) => value ?? undefined)).join(",\n")}\n]`;

function casesIn(text: string): NonNullable<Pack["cases"]> | null {
  try {
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) ? (found as NonNullable<Pack["cases"]>) : null;
  } catch {
    return null;
  }
}

/** The next release of what is in force: the last figure of it, one higher. */
function nextRelease(release: string): string {
  return release.replace(/(\d+)(?!.*\d)/, (figure) => String(Number(figure) + 1));
}

export function Change({ current }: { current: Shown }): ReactElement {
  const [text, setText] = useState(current.text);
  const [bands, setBands] = useState(current.bands);
  const [began] = useState(() => casesText(current.cases));
  const [cases, setCases] = useState(began);
  const [release, setRelease] = useState(nextRelease(current.release));
  const [view, setView] = useState<View>("write");
  const [isProposing, setProposing] = useState(false);
  const isChanged = text !== current.text || bands !== current.bands || cases !== began;
  const found = useMemo(() => casesIn(cases), [cases]);
  const pack = useMemo<Pack>(() => ({ name: current.name, release, text, schema: current.schema, bands, cases: found ?? [] }), [current, release, text, bands, found]);
  return (
    <div className="stack">
      <div className="row wrap">
        <SegmentedControl aria-label="Step" data={[{ value: "write", label: "1 · Write" }, { value: "differs", label: "2 · What you changed" }, { value: "trials", label: "3 · Try it" }]} value={view} onChange={(value) => { setView(value as View); }} />
        <span className="grow faint">{isChanged ? "Not on record yet; only in this window." : "Nothing changed yet."}</span>
        <Button disabled={!isChanged || found === null} onClick={() => { setProposing(true); }}>Propose it…</Button>
      </div>
      {view === "write" && (
        <>
          <Panel title="Confidence"><BandFields bands={bands} onChange={setBands} /></Panel>
          <Panel title="policy.cedar" note="every rule has @id and @says; a forbid beats every permit" acts={<TextInput size="xs" w={110} aria-label="Release" value={release} onChange={(event) => { setRelease(event.currentTarget.value); }} />} bare>
            <Textarea aria-label="policy.cedar" autosize minRows={18} maxRows={34} spellCheck={false} variant="unstyled" classNames={{ input: "code-input" }} value={text} onChange={(event) => { setText(event.currentTarget.value); }} />
          </Panel>
          <Panel title="cases" note={found === null ? <Chip tone="stop">not a list in JSON</Chip> : `${String(found.length)} tests: what it should answer. A change that a test contradicts cannot be applied before the test says so too`} bare>
            <Textarea aria-label="cases" autosize minRows={6} maxRows={16} spellCheck={false} variant="unstyled" classNames={{ input: "code-input" }} value={cases} onChange={(event) => { setCases(event.currentTarget.value); }} />
          </Panel>
        </>
      )}
      {view === "differs" && (isChanged ? <>{text !== current.text && <Panel title="policy.cedar" bare><Hunks before={current.text} after={text} /></Panel>}{bands !== current.bands && <Panel title="bands.json" bare><Hunks before={current.bands} after={bands} /></Panel>}{cases !== began && <Panel title="cases" bare><Hunks before={began} after={cases} /></Panel>}</> : <Panel bare><Empty title="Nothing changed yet">Move a band, or write a rule; then see here what differs.</Empty></Panel>)}
      {view === "trials" && <Trials candidate={{ pack }} />}
      <Propose key={String(isProposing)} pack={pack} isOpen={isProposing} onClose={() => { setProposing(false); }} />
    </div>
  );
}
