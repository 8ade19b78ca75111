/** Programs of other people that ask to call as one of the agents: who asks, who was let in, and a person's yes or no. */
import { Button, Checkbox, NativeSelect, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Dialogue } from "@/parts/Dialogue";
import { Chip, Empty, Found, Panel, ProblemNote, State, When } from "@/parts/parts";
import { UntrustedLine } from "@/parts/Untrusted";
import { useMay } from "@/session";

type Program = api.ProgramShown;
const DIGITS = 6;
const OPENS: Record<string, string> = { "chimera.read": "read through the door", "chimera.act": "propose acts, each decided as any other" };

function Admitting({ program, onClose }: { program: Program; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const agents = useRead(["agents", "programs"], (asked) => api.agentsList(asked), { query: { state: "active", limit: 1000 } });
  const [agent, setAgent] = useState("");
  const [scopes, setScopes] = useState(program.scopes);
  const [number, setNumber] = useState("");
  const admit = useMutation({
    mutationFn: () => api.programsAdmit({ path: { access_id: program.id }, body: { agent, scopes, number } }),
    onSuccess: () => { void client.invalidateQueries({ queryKey: ["access"] }); onClose(); },
  });
  const choices = [{ value: "", label: "Choose an agent" }, ...(agents.data?.items ?? []).map((one) => ({ value: one.id, label: one.name }))];
  return (
    <Dialogue title="Let a program in" isOpen onClose={onClose} does="Let it in" isReady={agent !== "" && scopes.length > 0 && number.length === DIGITS} isBusy={admit.isPending} error={admit.error} onDone={() => { admit.mutate(); }}>
      <p className="soft" style={{ margin: 0 }}>It calls itself <UntrustedLine text={program.program} />, and its answer goes to <bdi>{program.answers_to}</bdi>. Only if it was you who started it: whoever sits at that browser calls as your agent from then on.</p>
      <NativeSelect label="Calls as" required data={choices} value={agent} onChange={(event) => { setAgent(event.currentTarget.value); }} />
      <Checkbox.Group label="May" value={scopes} onChange={setScopes}><div className="choices">{program.scopes.map((one) => <Checkbox key={one} value={one} label={OPENS[one] ?? one} />)}</div></Checkbox.Group>
      <TextInput label="Number" description="The page of the browser that asked shows it" required inputMode="numeric" autoComplete="off" maxLength={DIGITS} value={number} onChange={(event) => { setNumber(event.currentTarget.value.replace(/\D/g, "")); }} />
    </Dialogue>
  );
}

function Row({ program, onAdmit }: { program: Program; onAdmit: () => void }): ReactElement {
  const may = useMay();
  const client = useQueryClient();
  const isAsking = program.state === "asked";
  const end = useMutation({
    mutationFn: () => (isAsking ? api.programsRefuse : api.programsRevoke)({ path: { access_id: program.id } }),
    onSettled: () => client.invalidateQueries({ queryKey: ["access"] }),
  });
  return (
    <tr>
      <td><UntrustedLine text={program.program || "a program without a name"} /><div className="soft"><bdi>{program.answers_to}</bdi></div></td>
      <td>{program.agent_name || <span className="faint">nobody yet</span>}{program.by && <div className="soft">let in by {program.by}</div>}</td>
      <td>{program.scopes.map((one) => <Chip key={one} tone={one === "chimera.act" ? "wait" : "plain"} title={OPENS[one] ?? one}>{one}</Chip>)}</td>
      <td><State of={program.state} /><div className="soft">until <When us={program.ends_at_us} /></div>{end.isError && <ProblemNote error={end.error} />}</td>
      <td className="num">{may("agent.change") && <div className="row" style={{ justifyContent: "flex-end" }}>
        {isAsking && <Button size="compact-sm" onClick={onAdmit}>Let it in…</Button>}
        <Button size="compact-sm" variant="default" loading={end.isPending} onClick={() => { end.mutate(); }}>{isAsking ? "Say no" : "Shut it out"}</Button>
      </div>}</td>
    </tr>
  );
}

export function Programs(): ReactElement {
  const [admitting, setAdmitting] = useState<Program | null>(null);
  const found = useRead(["access"], (asked) => api.programsList(asked), { everyMs: 10_000 });
  return (
    <>
      <Panel title="Programs" note="what calls as one of the agents from outside" bare>
        <Found query={found}>{({ asking, admitted }) => asking.length + admitted.length === 0 ? <Empty title="None asks, none was let in">A program that is given the address of <code>chimera gateway serve</code> opens a browser, and asks here.</Empty> : (
          <div className="scroll-x"><table className="list" aria-label="Programs"><thead><tr><th>Calls itself</th><th>Calls as</th><th>May</th><th>State</th><th><span className="hidden-title">Answer</span></th></tr></thead>
            <tbody>{[...asking, ...admitted].map((one) => <Row key={one.id} program={one} onAdmit={() => { setAdmitting(one); }} />)}</tbody></table></div>
        )}</Found>
      </Panel>
      {admitting && <Admitting key={admitting.id} program={admitting} onClose={() => { setAdmitting(null); }} />}
    </>
  );
}
