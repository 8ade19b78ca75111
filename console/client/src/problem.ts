/** Why a request was not done, as the API says it (problem+json), or as the network failed. */

/** One thing that is wrong with what was sent. */
export interface Fault {
  where: string;
  message: string;
  remedy?: string;
  line?: number;
}

export const LOST = "network_lost";
export const UNREADABLE = "answer_unreadable";

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly detail: string,
    readonly remedy: string = "",
    readonly where: string = "",
    readonly faults: readonly Fault[] = [],
  ) {
    super(detail || title);
    this.name = "Problem";
  }

  /** Whether somebody else has changed it since it was looked at. */
  get isConflict(): boolean {
    return this.status === 409 || this.status === 412;
  }

  get isLoggedOut(): boolean {
    return this.status === 401;
  }
}

/** What the generated client throws, as a problem; whoever broke a request off is not told that it failed. */
export function problemOf(thrown: unknown, response: Response | undefined): unknown {
  if (response) return answered(thrown, response.status);
  if (thrown instanceof DOMException && thrown.name === "AbortError") return thrown;
  return new Problem(0, LOST, "No answer", "The API cannot be reached from here.", "See whether chimera is still running; nothing was lost.");
}

function answered(told: unknown, status: number): Problem {
  if (typeof told !== "object" || told === null) {
    return new Problem(status, UNREADABLE, `The API answered ${String(status)}`, "The answer cannot be read.");
  }
  const said = told as Record<string, unknown>;
  const text = (name: string): string => (typeof said[name] === "string" ? said[name] : "");
  const faults = Array.isArray(said["faults"]) ? (said["faults"] as Fault[]) : [];
  return new Problem(status, text("code"), text("title"), text("detail"), text("remedy"), text("where"), faults);
}
