/** What somebody is writing about a review, until it has been sent: neither a conflict nor another screen loses it. */

const drafts = new Map<string, string>();

/** One person's words for one review: an edit, a reason, a question. */
export interface Draft {
  read: (otherwise: string) => string;
  write: (text: string) => void;
  drop: () => void;
}

export function draftOf(person: string, review: string, kind: string): Draft {
  const key = `${review} ${kind} ${person}`;
  return {
    read: (otherwise) => drafts.get(key) ?? otherwise,
    write: (text) => { drafts.set(key, text); },
    drop: () => { drafts.delete(key); },
  };
}

/** The review was ruled on: what was written about it has arrived. */
export function dropAll(review: string): void {
  [...drafts.keys()].filter((key) => key.startsWith(`${review} `)).forEach((key) => drafts.delete(key));
}

export function isAnythingWritten(): boolean {
  return drafts.size > 0;
}
