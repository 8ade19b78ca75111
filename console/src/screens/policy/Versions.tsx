/** Versions of the policy: who proposed and who applied each; one of them beside what is in force; applying it. */
import { Button, SegmentedControl, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import { Link, useLocation } from "wouter";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Dialogue } from "@/parts/Dialogue";
import { Hunks } from "@/parts/Hunks";
import { Empty, Found, Hash, Panel, ProblemNote, State, When } from "@/parts/parts";
import { Trials, type Shown } from "@/screens/policy/Trials";
import { useMay } from "@/session";

type Row = api.PolicyRow;

const useVersions = () => useRead(["policy", "versions"], (asked) => api.policyVersions(asked));

export function Versions({ current }: { current: Shown }): ReactElement {
  const [, go] = useLocation();
  const may = useMay();
  const rows = useVersions();
  const act = may("policy.apply") ? <Button onClick={() => { go("/policy/change"); }}>Propose a change</Button> : undefined;
  return (
    <Found query={rows}>{(found) => (
      <Panel title="Versions" note="none is ever lost; going back is applying an earlier one" acts={act} bare>
        {found.items.length === 0 ? <Empty title="The shipped pack decides" act={act}>{current.name} {current.release}. A change of yours becomes version 1: proposed first, tried on history, then applied by a person.</Empty> : (
          <div className="scroll-x"><table className="list"><thead><tr><th className="num">Number</th><th>Pack</th><th>State</th><th>Why</th><th>Proposed</th><th>Applied</th><th>Hash</th></tr></thead>
            <tbody>{[...found.items].sort((a, b) => b.number - a.number).map((row) => <tr key={row.id} className="link" onClick={() => { go(`/policy/versions/${String(row.number)}`); }}><td className="num"><Link href={`/policy/versions/${String(row.number)}`}>{row.number}</Link></td><td>{row.name} <span className="faint">{row.release}</span></td><td><State of={row.state} /></td><td style={{ maxWidth: 360 }}><bdi>{row.why}</bdi></td><td className="soft">{row.proposed_by}, <When us={row.proposed_at_us} /></td><td className="soft">{row.applied_by ? <>{row.applied_by}, <When us={row.applied_at_us} /></> : "–"}</td><td><Hash of={row.digest} /></td></tr>)}</tbody></table></div>
        )}
      </Panel>
    )}</Found>
  );
}

function Apply({ row, isOpen, onClose }: { row: Row; isOpen: boolean; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const [typed, setTyped] = useState("");
  const start = row.digest.slice(0, 6);
  const apply = useMutation({
    mutationFn: () => api.policyApply({ path: { number: row.number }, body: { digest: row.digest } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["policy"] }); onClose(); },
  });
  return (
    <Dialogue title={`Put version ${String(row.number)} in force`} isOpen={isOpen} onClose={onClose} does="Put it in force" leave="Leave it as it is" isReady={typed.trim() === start} isBusy={apply.isPending} error={apply.error} onDone={() => { apply.mutate(); }}>
      <p style={{ margin: 0 }}>From the next second on, every decision is made by it: also about what waits already. What is out there stays. Going back is applying the version before.</p>
      <TextInput label={<>Type <code>{start}</code>, the beginning of the hash that you looked at</>} data-autofocus value={typed} onChange={(event) => { setTyped(event.currentTarget.value); }} />
    </Dialogue>
  );
}

function Acts({ row }: { row: Row }): ReactElement | null {
  const may = useMay();
  const client = useQueryClient();
  const [isApplying, setApplying] = useState(false);
  const withdraw = useMutation({ mutationFn: () => api.policyWithdraw({ path: { number: row.number } }), onSuccess: () => client.invalidateQueries({ queryKey: ["policy"] }) });
  if (!may("policy.apply")) return null;
  return (
    <>
      {row.state === "proposed" && <Button variant="default" loading={withdraw.isPending} onClick={() => { withdraw.mutate(); }}>Withdraw it</Button>}
      {["proposed", "replaced"].includes(row.state) && <Button onClick={() => { setApplying(true); }}>Apply…</Button>}
      {withdraw.isError && <ProblemNote error={withdraw.error} />}
      <Apply key={String(isApplying)} row={row} isOpen={isApplying} onClose={() => { setApplying(false); }} />
    </>
  );
}

export function Version({ number, current }: { number: number; current: Shown }): ReactElement {
  const [view, setView] = useState("trials");
  const rows = useVersions();
  const whole = useRead(["policy", "version", number], (asked) => api.policyVersion({ ...asked, path: { number } }));
  const row = rows.data?.items.find((one) => one.number === number);
  return (
    <div className="stack">
      {row && (
        <Panel title={<>Version {row.number} <State of={row.state} /></>} note={`${row.name} ${row.release}`} acts={<Acts row={row} />}>
          <dl className="facts"><dt>Why</dt><dd><bdi>{row.why}</bdi></dd><dt>Proposed</dt><dd>{row.proposed_by}, <When us={row.proposed_at_us} /></dd>{row.applied_by && <><dt>Applied</dt><dd>{row.applied_by}, <When us={row.applied_at_us} /></dd></>}<dt>Hash</dt><dd><Hash of={row.digest} length={64} /></dd></dl>
        </Panel>
      )}
      <div className="row"><SegmentedControl aria-label="View" data={[{ value: "trials", label: "Trials" }, { value: "text", label: "Text beside what is in force" }]} value={view} onChange={setView} /><Link href="/policy/versions">All versions</Link></div>
      {view === "trials" ? <Trials candidate={{ number }} /> : <Found query={whole}>{(found) => <div className="stack"><Panel title="policy.cedar" bare><Hunks before={current.text} after={found.text} /></Panel><Panel title="bands.json" bare><Hunks before={current.bands} after={found.bands} /></Panel></div>}</Found>}
    </div>
  );
}
