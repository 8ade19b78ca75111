/** One event in words, for people. The same facts as in the chain, nothing added. */
import * as api from "chimera-client";
import { moneyOf, percentOf, plural } from "@/words/money";
import { textOf } from "@/words/plain";

type Line = Pick<api.EventLine, "kind" | "subject"> & { data: unknown };

const reasonsOf = (data: Record<string, unknown>): string => {
  const reasons = data["reasons"];
  return Array.isArray(reasons) ? reasons.map(textOf).join("; ") : textOf(data["why"]);
};
const droppedOf = (data: Record<string, unknown>): string => {
  const weeks = Array.isArray(data["weeks"]) ? data["weeks"].map(textOf).join(", ") : "old weeks";
  const records = weeks && `${plural(Number(data["records"] ?? 0), "record")} of ${weeks}`;
  const windows = data["windows"] ? plural(Number(data["windows"]), "budget window") : "";
  return [records, windows].filter(Boolean).join(" and ");
};
const after = (word: string, text: string): string => (text ? `${word}: ${text}` : word);

export function sayEvent(line: Line): string {
  const data = (line.data ?? {}) as Record<string, unknown>;
  const text = (name: string): string => textOf(data[name]);
  switch (line.kind) {
    case "INPUT_ADMITTED": return `Heard ${text("about") || "something"}, threat ${text("threat").toLowerCase() || "unknown"}`;
    case "INPUT_REFUSED": return after("Refused an input", reasonsOf(data));
    case "PLAN_ADOPTED": return `Planned ${plural(Number(data["steps"] ?? 0), "step")}`;
    case "PLAN_REFUSED": return after("No plan was sound", Array.isArray(data["refusals"]) ? textOf(data["refusals"].at(-1)) : reasonsOf(data));
    case "DRAFT_JUDGED": return data["accepted"] === true ? `A draft was accepted, confidence ${percentOf(Number(data["confidence_bp"] ?? 0))}` : after("A draft was sent back", Array.isArray(data["findings"]) ? data["findings"].map(textOf).join("; ") : "");
    case "WORK_FAILED": return after("Work failed", reasonsOf(data));
    case "WORK_HELD_BACK": return `${line.subject} waits: ${Array.isArray(data["models"]) ? data["models"].map(textOf).join(", ") : "its models"} turns it away, ${text("assignments_at_once")} at once`;
    case "WORK_LET_GO": return `${line.subject} goes on as before: no model turns it away any more`;
    case "MEDIA_DROPPED": return `Kept long enough: ${plural(Number(data["media"] ?? 0), "picture or film", "pictures and films")} removed, older than ${text("days")} days`;
    case "RECORDS_DROPPED": return `Kept long enough: ${droppedOf(data)} are gone, behind checkpoint ${text("checkpoint")}`;
    case "VARIANTS_CHOSEN": return after("Chosen by what was liked", Object.values((data["chosen"] ?? {}) as Record<string, unknown>).map(textOf).join(", "));
    case "POST_MEASURED": return text("state") === "measured" ? `People did something about it ${plural(Number(data["engagements"] ?? 0), "time")}` : after("Not measured", text("state"));
    case "ACTION_GRANTED": return after("Allowed", reasonsOf(data));
    case "ACTION_ESCALATED": return after("A person is asked", reasonsOf(data));
    case "ACTION_DENIED": return after("Denied", reasonsOf(data));
    case "GRANTS_SEALED": return "Sealed by the vault";
    case "GRANT_LAPSED": return "The grant ran out before it was used";
    case "REVIEW_RULED": return `${text("by") || "A person"}: ${text("ruling") || text("command") || "ruled"}`;
    case "REVIEW_EXPIRED": return "Nobody answered in time: that is a no";
    case "EFFECT_STARTED": return "Sent to the network";
    case "EFFECT_RESENT": return "Sent again under the same key";
    case "EFFECT_FINISHED": return "It happened; the receipt is stored";
    case "EFFECT_FAILED": return after("It did not happen", reasonsOf(data));
    case "EFFECT_IN_DOUBT": return "Nobody knows yet whether it happened";
    case "TASK_SETTLED": return `Settled: ${text("state")}${data["spent_micros"] ? `, ${moneyOf(Number(data["spent_micros"]), "USD")}` : ""}`;
    case "AGENT_REHEARSED": return `Version ${text("version")} was rehearsed in ${text("scenario")}: ${text("engagements")} engagements`;
    case "HALTED": return `Halted ${text("scope") || text("halted")} by ${text("by")}: ${text("reason") || text("why")}`;
    case "REQUEST_VALIDATED": return `${text("approved") === "true" ? "Let in" : "Refused"} a request of ${text("agent")}: ${text("why")}`;
    case "PAUSED": return `Paused ${text("scope")} by ${text("by")}: ${text("reason")}`;
    case "RESUMED": return `Resumed ${text("scope") || text("halted")} by ${text("by")}`;
    case "HALT_OUTLIVED": return `Nothing is left to stop in ${text("scope")}`;
    default: {
      const told = ["name", "what", "why", "by", "platform", "version", "state"].filter((name) => text(name)).map((name) => `${name} ${text(name)}`);
      return after(line.kind.toLowerCase().replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase()), told.join(", "));
    }
  }
}

export const EVENT_TONES: Record<string, "go" | "wait" | "stop" | "doubt" | "info" | "plain"> = {
  ACTION_GRANTED: "go", EFFECT_FINISHED: "go", TASK_SETTLED: "go", RESUMED: "go", ACTION_ESCALATED: "wait", REVIEW_RULED: "info", PLAN_ADOPTED: "info",
  ACTION_DENIED: "stop", INPUT_REFUSED: "stop", EFFECT_FAILED: "stop", WORK_FAILED: "stop", WORK_HELD_BACK: "wait", WORK_LET_GO: "go", PLAN_REFUSED: "stop", HALTED: "stop", REVIEW_EXPIRED: "stop", EFFECT_IN_DOUBT: "doubt",
};
