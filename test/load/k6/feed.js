// The feed: everybody with an account scrolls through it, votes on some polls, skips others and reads on. There is one account
// for each virtual user. At the end every poll has as many votes as were acknowledged for it.
//
//   k6 run -e API=http://localhost:8080/api/v1 -e VOTERS=20 -e POLLS=40 -e DURATION=30s feed.js
//
// The limits of a delivered server are for people: start it with PLENARY_RATE_LIMIT=0 PLENARY_BURST_LIMIT=0
// PLENARY_REGISTER_LIMIT=0 PLENARY_CREATE_LIMIT=0.
import http from 'k6/http';
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { check, sleep } from 'k6';
import { api, bearer, member, publish } from './plenary.js';

const voters = Number(__ENV.VOTERS || 20);
const polls = Number(__ENV.POLLS || 40);

const counted = new Counter('votes_counted'); // acknowledged, and not one more
const read = new Counter('feed_readings');

export const options = {
  scenarios: { voters: { executor: 'constant-vus', vus: voters, duration: __ENV.DURATION || '30s', gracefulStop: '10s' } },
  setupTimeout: '5m',
  thresholds: {
    checks: ['rate==1'], votes_counted: ['count>0'], feed_readings: ['count>0'],
    'http_req_duration{name:feed}': [`p(99)<${__ENV.P99 || 1000}`],
    'http_req_duration{name:feed vote}': [`p(99)<${__ENV.P99 || 1000}`],
  },
  summaryTrendStats: ['min', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
};

export function setup() {
  const members = [];
  for (let i = 0; i < voters; i++) members.push(member());
  const tag = `k6-${members[0].slice(-20).toLowerCase()}`;
  return { members, tag, polls: publish(members[0], tag, polls) };
}

const seen = {}; // what this virtual user has answered; false: with 202, so that it may be shown again
const taken = (poll) => (r) => r.status === 204 || r.status === 202 || (seen[poll] === false && r.status === 409);

export default function ({ members, tag }) {
  const me = bearer(members[(exec.vu.idInTest - 1) % members.length]);
  const page = http.get(`${api}/polls?tag=${tag}&limit=20`, { ...me, tags: { name: 'feed' } });
  read.add(1);
  if (!check(page, { 'the feed is there': (r) => r.status === 200 })) return;
  const { items, quota } = page.json();
  check(items, { 'nothing is shown again': (all) => all.every((p) => !seen[p.poll_id] && p.answer === null) });
  if (items.length === 0) {
    sleep(0.2); // everything is answered
    return;
  }
  const poll = items[Math.floor(Math.random() * items.length)].poll_id;
  sleep(Math.random() / 5);
  if (quota.remaining === 0 || Math.random() < 0.3) {
    const skipped = http.post(`${api}/polls/${poll}/skip`, null, { ...me, tags: { name: 'feed skip' } });
    check(skipped, { 'the skip is taken': taken(poll) });
    seen[poll] = skipped.status === 204;
    return;
  }
  const option = Math.floor(Math.random() * 3);
  const vote = () => http.post(`${api}/polls/${poll}/vote`, JSON.stringify({ option_index: option }), {
    ...me, tags: { name: 'feed vote' }, responseCallback: http.expectedStatuses(204, 202, 409),
  });
  const first = vote();
  check(first, { 'the vote is taken': taken(poll) });
  counted.add(1);
  seen[poll] = first.status === 204;
  if (first.status === 204 && Math.random() < 0.2) {
    check(vote(), { 'a second one is refused': (r) => r.status === 409 && r.json('code') === 'already_voted' });
  }
}

// teardown recounts: what each account voted is what the polls have.
export function teardown({ members, tag, polls: published }) {
  sleep(1); // what was answered 202 is counted
  const given = {};
  for (const token of members) {
    let cursor = '';
    do {
      const page = http.get(`${api}/users/me/votes?limit=100${cursor}`, bearer(token)).json();
      for (const p of page.items) {
        if (!p.tags.includes(tag)) continue;
        given[p.poll_id] = given[p.poll_id] || [0, 0, 0];
        given[p.poll_id][p.answer.option_index]++;
      }
      cursor = page.next && `&cursor=${encodeURIComponent(page.next)}`;
    } while (cursor);
  }
  let total = 0;
  for (const id of published) {
    const stats = http.get(`${api}/polls/${id}/stats`).json();
    const counts = stats.votes.map((v) => v.count);
    check(stats, {
      'a tally is what its voters gave': () => counts.join() === (given[id] || [0, 0, 0]).join(),
      'the total is the sum of the options': (s) => s.total === counts.reduce((a, b) => a + b, 0),
    });
    total += stats.total;
  }
  check(total, { 'votes were counted': (n) => n > 0 });
}
