// Readings of the feed at a fixed rate, whatever becomes of them: an open loop. They are of the accounts of a few people, who
// have answered nothing, in turn: the newest polls, those of a tag, and those with a part of a word.
//
//   k6 run -e API=http://localhost:8080/api/v1 -e RATE=200 -e DURATION=30s scroll.js
import http from 'k6/http';
import { check } from 'k6';
import { api, bearer, member, publish } from './plenary.js';

const rate = Number(__ENV.RATE || 200);
const polls = 30;

export const options = {
  scenarios: {
    readings: {
      executor: 'constant-arrival-rate', rate, timeUnit: '1s', duration: __ENV.DURATION || '30s',
      preAllocatedVUs: Math.max(50, rate * 2), // two seconds' worth of readings may be under way
    },
  },
  setupTimeout: '5m',
  thresholds: {
    checks: ['rate==1'],               // every reading is whole
    dropped_iterations: ['count==0'],  // and was sent when it was due
    'http_req_duration{name:feed}': [`p(99)<${__ENV.P99 || 1000}`],
  },
  summaryTrendStats: ['min', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
};

export function setup() {
  const members = [];
  for (let i = 0; i < 5; i++) members.push(member());
  const tag = `k6-${members[0].slice(-20).toLowerCase()}`;
  publish(members[0], tag, polls);
  return { members, tag };
}

export default function ({ members, tag }) {
  const where = ['', `&tag=${tag}`, '&search=uestio'][__ITER % 3];
  const page = http.get(`${api}/polls?limit=20${where}`, { ...bearer(members[__ITER % members.length]), tags: { name: 'feed' } });
  check(page, {
    'a page of twenty': (r) => r.status === 200 && r.json('items').length === 20,
    'the newest first': (r) => r.json('items').every((p, i, all) => i === 0 || p.poll_id < all[i - 1].poll_id),
    'nothing is answered': (r) => r.json('items').every((p) => p.answer === null),
  });
}
