// Reads the desk by the generated TypeScript client, takes the first review, and shows what becomes of whoever looked too early.
import { connect, every, from, fleetShow, Problem, reviewsClaim, reviewsList, reviewsShow } from "chimera-client";

connect({ url: process.env.API_URL, token: process.env.API_TOKEN });

const waiting = [];
for await (const review of every((cursor) => reviewsList({ query: { state: "open", limit: 2, cursor } }))) waiting.push(review);

const { agents } = await fleetShow();
const looked = await reviewsShow({ path: { review_id: waiting[0].id } });
const claimed = await reviewsClaim({ path: { review_id: looked.id }, headers: from(looked.version) });
const late = await reviewsClaim({ path: { review_id: looked.id }, headers: from(looked.version) }).catch((error) => error);

console.log(JSON.stringify({
  agents,
  waiting: waiting.map((review) => review.id),
  claimed: claimed.claim?.name,
  late: late instanceof Problem && late.isConflict ? late.code : "not refused",
}));
