/** Keys for programs: issued to oneself, narrowed to what they need, shown once, revoked at once. */
import { Button, Checkbox, NumberInput, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { useNowUs } from "@/live/now";
import { Dialogue, Secret } from "@/parts/Dialogue";
import { Chip, Empty, Found, Panel, State, When } from "@/parts/parts";
import { useSession } from "@/session";
import { meaningOf } from "@/words/verbs";

type Token = api.TokenShown;
const DAYS_MAX = 366;

function Issue({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  const client = useQueryClient();
  const session = useSession();
  const [name, setName] = useState("");
  const [days, setDays] = useState(30);
  const [scopes, setScopes] = useState<string[]>([]);
  const issue = useMutation({
    mutationFn: () => api.tokensIssue({ body: { name: name.trim(), scopes, days } }),
    onSuccess: () => client.invalidateQueries({ queryKey: ["tokens"] }),
  });
  if (issue.data) {
    return (
      <Dialogue title="Your new token" isOpen={isOpen} onClose={onClose} onDone={onClose} does="I have kept it" leave="Close" isReady isBusy={false} error={null}>
        <Secret label={issue.data.name} text={issue.data.secret} />
        <p className="soft" style={{ margin: 0 }}>A program sends it as <code>Authorization: Bearer …</code></p>
      </Dialogue>
    );
  }
  return (
    <Dialogue title="A token for a program" size="lg" isOpen={isOpen} onClose={onClose} does="Issue it" isReady={name.trim() !== "" && scopes.length > 0} isBusy={issue.isPending} error={issue.error} onDone={() => { issue.mutate(); }}>
      <div className="grid two" style={{ gridTemplateColumns: "2fr 1fr" }}>
        <TextInput label="Name" description="What it is for" required maxLength={60} data-autofocus value={name} onChange={(event) => { setName(event.currentTarget.value); }} />
        <NumberInput label="Days" description="Then it ends" min={1} max={DAYS_MAX} value={days} onChange={(value) => { setDays(Number(value) || 1); }} />
      </div>
      <Checkbox.Group label="What it may do" description="As you, and no more than you may at that moment" value={[...scopes]} onChange={setScopes}>
        <div className="choices">{session.permitted.map((verb) => <Checkbox key={verb} value={verb} label={<><code>{verb}</code> <span className="faint">{meaningOf(verb)}</span></>} />)}</div>
      </Checkbox.Group>
    </Dialogue>
  );
}

export function Tokens(): ReactElement {
  const client = useQueryClient();
  const nowUs = useNowUs();
  const [isIssuing, setIssuing] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const tokens = useRead(["tokens"], (asked) => api.tokensList(asked));
  const revoke = useMutation({
    mutationFn: (id: string) => api.tokensRevoke({ path: { token_id: id } }),
    onSuccess: () => { setRevoking(null); void client.invalidateQueries({ queryKey: ["tokens"] }); },
  });
  const act = <Button onClick={() => { setIssuing(true); }}>Issue a token…</Button>;
  return (
    <>
      <Panel title="Your tokens" note="each acts as you, narrowed to its verbs" acts={act} bare>
        <Found query={tokens}>{(found) => (found.items.length === 0 ? <Empty title="No tokens yet" act={act}>A token lets a program in your place: a script that halts, a report that reads. Give it only the verbs that it needs.</Empty> : (
          <div className="scroll-x"><table className="list"><thead><tr><th>Name</th><th>May</th><th>Issued</th><th>Ends</th><th>State</th><th /></tr></thead>
            <tbody>{found.items.map((one) => {
              const isOver = one.state === "open" && one.expires_at_us < nowUs;
              return <tr key={one.id}><td><b style={{ fontWeight: 500 }}>{one.name}</b>{one.is_local && <> <Chip title="Good for commands on the fleet’s own machine; the API refuses it">this machine only</Chip></>}</td><td className="soft">{one.scopes.includes("*") ? "all that you may" : one.scopes.join(", ")}</td><td><When us={one.issued_at_us} /></td><td><When us={one.expires_at_us} /></td><td><State of={isOver ? "expired" : one.state} /></td><td className="num">{one.state === "open" && !isOver && <Button size="compact-sm" variant="default" onClick={() => { setRevoking(one); }}>Revoke…</Button>}</td></tr>;
            })}</tbody></table></div>
        ))}</Found>
      </Panel>
      <Issue key={String(isIssuing)} isOpen={isIssuing} onClose={() => { setIssuing(false); }} />
      <Dialogue title="Revoke the token" isOpen={revoking !== null} onClose={() => { setRevoking(null); }} does="Revoke it" leave="Keep it" grave isReady isBusy={revoke.isPending} error={revoke.error} onDone={() => { if (revoking) revoke.mutate(revoking.id); }}>
        <p style={{ margin: 0 }}>What uses <b>{revoking?.name}</b> is refused from this moment on. It cannot be taken back; a new token can be issued.</p>
      </Dialogue>
    </>
  );
}
