// A poll of the feed by itself, to share: everybody reads it, and whoever has an account votes on it.

import { here } from "./address.js";
import { patiently, Problem } from "./api.js";
import { connected } from "./connection.js";
import { find, show } from "./dom.js";
import { box } from "./feedbox.js";
import { card } from "./feedcard.js";
import { atPoll } from "./feedpolls.js";
import { ended, loginPage, session } from "./session.js";

const id = here()[1];
let shown = null;

const mine = box((one, now) => {
  if (shown && one.act === "vote" && one.poll === id) shown.tell(one.option, now);
});

function draw(poll) {
  shown = card(poll, {
    heading: "h1", state: connected, changed: offer, ...session() && { vote: (option) => mine.put(shown.poll, "vote", option) },
  });
  document.title = `${poll.title} – Plenary`;
  find("#deck").append(shown.element);
  offer();
}

/** Offers to log in where that lets somebody vote. */
const offer = () => show(find("#enter"), !session() && !(shown && shown.poll.closed));

addEventListener("sessionover", ({ detail }) => { // what was voted is kept, and sent after log-in
  ended(detail);
  location.replace(loginPage());
}, { once: true });

async function begin() {
  find("#log-in").href = loginPage();
  try {
    const { data } = await patiently(atPoll(id), { token: session() });
    draw(data);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (problem.status === 401) return; // the page leaves
    show(find("#connection"), false);
    show(find("#unknown"));
    find("#unknown-title").focus();
  } finally {
    show(find("#waiting"), false);
  }
  if (session()) mine.resume();
}

begin();
