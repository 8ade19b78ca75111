/** What the bandit tries for an agent's posts: each variant with what it brought, which is favoured, and why. */
import type { ReactElement } from "react";
import * as api from "chimera-client";
import { useRead } from "@/api/queries";
import { Chip, Empty, Found, Panel } from "@/parts/parts";
import { countOf, plural } from "@/words/money";

type Variant = api.VariantShown;

const FACTORS: Record<string, string> = { style: "Style", media: "Picture", time: "Time of day" };
const PER_POST = 1_000;

const broughtBy = (one: Variant): string => (one.engagements_per_post_millis === null ? "not known yet" : (one.engagements_per_post_millis / PER_POST).toFixed(1));
const shareOf = (one: Variant): string => `${(one.share_bp / 100).toFixed(0)}\u00a0%`;

/** Why it is chosen as often as it is, in one sentence. */
function whyOf(one: Variant, among: readonly Variant[]): string {
  if (one.barred) return `It is not chosen: ${one.barred}.`;
  if (one.harmful > 0) return "What went out with it was taken down.";
  if (one.measured === 0) return one.waiting > 0 ? `${plural(one.waiting, "post")} of it went out or will; none is measured yet.` : "Nobody has tried it yet; it is tried as often as any.";
  if (one.is_favoured) return "It brought the most, as far as is known; the others are still tried, in case that was chance.";
  const ahead = among.find((other) => other.is_favoured);
  return ahead ? `${ahead.variant} brought more, or is more certain to.` : "Too little is known to prefer any.";
}

function Row({ one, among }: { one: Variant; among: readonly Variant[] }): ReactElement {
  return (
    <tr>
      <td style={{ whiteSpace: "nowrap" }}><bdi>{one.variant}</bdi> {one.is_favoured && <Chip tone="go">favoured</Chip>}{one.barred && <Chip tone="stop">barred</Chip>}{one.is_baseline && <Chip tone="plain">baseline</Chip>}</td>
      <td className="num">{countOf(one.chosen)}</td>
      <td className="num">{countOf(one.measured)}</td>
      <td className="num">{broughtBy(one)}</td>
      <td className="num">{countOf(one.troubled)}</td>
      <td className="num">{shareOf(one)}</td>
      <td className="soft">{whyOf(one, among)}</td>
    </tr>
  );
}

function Factor({ name, variants }: { name: string; variants: readonly Variant[] }): ReactElement {
  const title = FACTORS[name] ?? name;
  return (
    <Panel title={title} note={plural(variants.length, "variant")} bare>
      <div className="scroll-x" tabIndex={0} role="region" aria-label={`Variants of ${title.toLowerCase()}`}>
        <table className="list">
          <thead><tr><th>Variant</th><th className="num">Chosen</th><th className="num">Measured</th><th className="num">Engagements a post</th><th className="num">Troubled</th><th className="num">Chosen next</th><th>Why</th></tr></thead>
          <tbody>{variants.map((one) => <Row key={one.variant} one={one} among={variants} />)}</tbody>
        </table>
      </div>
    </Panel>
  );
}

export function Variants({ id }: { id: string }): ReactElement {
  const variants = useRead(["agents", id, "variants"], (asked) => api.agentsVariants({ ...asked, path: { agent_id: id } }));
  return (
    <Found query={variants}>{(found) => (found.items.length === 0
      ? <Panel title="Variants" bare><Empty title="Nothing is left open">A manifest may leave style, picture and time of a post open (<code>variants</code>). Then a bandit chooses among them by what people did about earlier posts, and what each brought stands here.</Empty></Panel>
      : (
        <div className="stack">
          <p className="soft" style={{ margin: 0 }}>Each post is made with one variant of each, chosen by what posts of the last {plural(found.known_days, "day")} brought; {plural(found.posts_per_day, "post")} a day at most. Whatever made more trouble than the baseline is not chosen, however well it was liked.</p>
          {Object.entries(Object.groupBy(found.items, (one) => one.factor)).map(([name, of = []]) => <Factor key={name} name={name} variants={of} />)}
        </div>
      ))}</Found>
  );
}
