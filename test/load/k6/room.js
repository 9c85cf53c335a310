// A room: voters join with the code, look at the poll on the slide, vote, change their minds and watch the results, while
// the presenter goes on to the next poll and comes back.
//
//   k6 run -e API=http://localhost:8080/api/v1 -e VOTERS=50 -e DURATION=30s -e SLIDE=5 room.js
import http from 'k6/http';
import { check, sleep } from 'k6';
import { api, present, vote, voter } from './plenary.js';

const duration = __ENV.DURATION || '30s';
const slide = Number(__ENV.SLIDE || 5); // seconds

export const options = {
  scenarios: {
    voters: { executor: 'constant-vus', vus: Number(__ENV.VOTERS || 50), duration, exec: 'voters', gracefulStop: '10s' },
    presenter: { executor: 'constant-vus', vus: 1, duration, exec: 'presenter', gracefulStop: '10s' },
  },
  thresholds: { checks: ['rate==1'], http_req_failed: ['rate==0'] },
};

export function setup() {
  return present(3);
}

const me = voter(); // one per virtual user

export function voters(talk) {
  const joined = http.get(`${api}/join/${talk.join_code}`, { tags: { name: 'join' } });
  check(joined, { 'the code leads to the presentation': (r) => r.json('presentation_id') === talk.presentation_id });
  const current = http.get(`${talk.base}/polls/current`, { tags: { name: 'current' } });
  if (!check(current, { 'a poll is on the slide': (r) => r.status === 200 })) return;
  const poll = current.json('poll_id');
  for (const key of ['A', 'B']) { // the second one replaces the first
    sleep(Math.random() / 2);
    const answer = vote(talk, poll, me, key, [204, 202, 409]);
    check(answer, { 'the vote is taken, or the slide has changed': (r) => [204, 202, 409].includes(r.status) });
  }
  const results = http.get(`${talk.base}/polls/${poll}/results`, { tags: { name: 'results' } });
  check(results, {
    'nobody counts twice': (r) => r.json('total') <= Number(__ENV.VOTERS || 50),
    'the total is the sum of the options': (r) => r.json('options').reduce((sum, o) => sum + o.count, 0) === r.json('total'),
  });
}

export function presenter(talk) {
  const headers = { Authorization: `Bearer ${talk.presenter_token}`, 'Content-Type': 'application/json' };
  for (const move of ['next', 'next', 'previous', 'previous']) {
    sleep(slide);
    const answer = http.put(`${talk.base}/polls/current`, JSON.stringify({ move }), { headers, tags: { name: 'move' } });
    check(answer, { 'the slide has changed': (r) => r.status === 200 });
  }
}
