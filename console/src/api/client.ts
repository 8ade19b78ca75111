/** The console's door to the API: the generated client, with the proof that the page is ours. */
import { connect } from "chimera-client";

let csrf = "";
let onLoggedOut: () => void = () => undefined;

export function rememberCsrf(word: string): void {
  csrf = word;
}

export function whenLoggedOut(act: () => void): void {
  onLoggedOut = act;
}

connect({ csrf: () => csrf, onLoggedOut: () => { onLoggedOut(); } });
