/** Verify history here: the browser fetches the raw bytes and computes every hash itself. */
import { Button, Progress } from "@mantine/core";
import { useEffect, useRef, useState, type ReactElement } from "react";
import * as api from "chimera-client";
import { Icon } from "@/parts/Icon";
import { Chip, Hash, Panel, ProblemNote } from "@/parts/parts";
import { verifyChain, type Verified } from "@/screens/audit/verify";
import { countOf, plural } from "@/words/money";
import { save } from "@/words/save";


async function exportChain(head: api.ChainShown): Promise<void> {
  const lines: string[] = [JSON.stringify({ chain: head.chain, head_sequence: head.sequence, head_hash: head.hash })];
  for (let after = 0; after < head.sequence;) {
    const slice = await api.auditSlice({ query: { chain: head.chain, after, limit: Math.min(1000, head.sequence - after) } });
    if (!slice.links.length) break;
    slice.links.forEach((link) => lines.push(JSON.stringify(link)));
    after = slice.links.at(-1)?.sequence ?? head.sequence;
  }
  save(`${head.chain.replace(/\W+/g, "-")}-${String(head.sequence)}.jsonl`, lines.join("\n") + "\n", "application/x-ndjson");
}

export function Verify(): ReactElement {
  const [heads, setHeads] = useState<api.ChainShown[]>([]);
  const [found, setFound] = useState<Record<string, Verified>>({});
  const [error, setError] = useState<unknown>(null);
  const [took, setTook] = useState<number | null>(null);
  const [isRunning, setRunning] = useState(false);
  const stop = useRef<AbortController>(null);
  useEffect(() => {
    api.auditChains().then((answer) => { setHeads(answer.chains); }, setError);
    return () => { stop.current?.abort(); };
  }, []);
  const run = async (): Promise<void> => {
    const controller = new AbortController();
    stop.current = controller;
    setRunning(true);
    setError(null);
    setFound({});
    setTook(null);
    const began = performance.now();
    try {
      const now = await api.auditChains();
      setHeads(now.chains);
      for (const head of now.chains) await verifyChain(head, (so) => { setFound((before) => ({ ...before, [so.chain]: so })); }, controller.signal);
      setTook(performance.now() - began);
    } catch (failure) {
      if (!controller.signal.aborted) setError(failure instanceof api.Problem ? failure : String(failure));
    } finally {
      setRunning(false);
    }
  };
  const flaws = Object.values(found).flatMap((so) => so.flaws);
  const checked = Object.values(found).reduce((sum, so) => sum + so.checked, 0);
  return (
    <div className="stack">
      <div className="panel"><div className="body row wrap">
        <Button size="sm" leftSection={<Icon name="audit" />} loading={isRunning} onClick={() => void run()}>Verify in this browser</Button>
        <span className="soft grow">Fetches the raw bytes of every event and computes each hash here, with WebCrypto. Nothing that the server says about them is believed.</span>
        {took !== null && (flaws.length ? <Chip tone="stop">{plural(flaws.length, "flaw")} found</Chip> : <span role="status" data-testid="verified"><Chip tone="go">Verified: {plural(checked, "event")} in {plural(heads.length, "chain")}, {(took / 1000).toFixed(1)} s</Chip></span>)}
      </div></div>
      {error !== null && <ProblemNote error={error} />}
      {flaws.length > 0 && <div className="problem" role="alert"><h3>History differs from its hashes</h3><ul>{flaws.map((flaw) => <li key={`${flaw.chain}${String(flaw.sequence)}${flaw.what}`}><code>{flaw.chain}</code>, sequence {flaw.sequence}: {flaw.what}</li>)}</ul></div>}
      <Panel title="Chains" note="one per writer" bare>
        <div className="scroll-x"><table className="list">
          <thead><tr><th>Chain</th><th className="num">Epoch</th><th className="num">Events</th><th>Head</th><th style={{ width: "28%" }}>Checked here</th><th /></tr></thead>
          <tbody>{heads.map((head) => {
            const so = found[head.chain];
            return (
              <tr key={head.chain}>
                <td><code>{head.chain}</code></td><td className="num">{head.epoch}</td><td className="num">{countOf(head.sequence)}</td><td><Hash of={head.hash} length={16} /></td>
                <td>{so ? <div className="row"><Progress aria-label={`${head.chain} checked`} className="grow" value={so.total ? (so.checked / so.total) * 100 : 100} color={so.flaws.length ? "vermilion" : "verdigris"} size="sm" />{so.done && (so.flaws.length ? <Chip tone="stop">flawed</Chip> : <Chip tone="go">whole</Chip>)}</div> : <span className="faint">not yet</span>}</td>
                <td className="num"><Button size="compact-sm" variant="default" onClick={() => void exportChain(head).catch(setError)}>Export</Button></td>
              </tr>
            );
          })}</tbody>
        </table></div>
      </Panel>
    </div>
  );
}
