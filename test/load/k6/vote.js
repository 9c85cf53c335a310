// Votes at a fixed rate, whatever becomes of them: an open loop. Each is of a new voter and must be counted.
//
//   k6 run -e API=http://localhost:8080/api/v1 -e RATE=200 -e DURATION=30s vote.js
import http from 'k6/http';
import { check } from 'k6';
import { present, vote, voter } from './plenary.js';

const rate = Number(__ENV.RATE || 200);

export const options = {
  scenarios: {
    votes: {
      executor: 'constant-arrival-rate', rate, timeUnit: '1s', duration: __ENV.DURATION || '30s',
      preAllocatedVUs: Math.max(50, rate * 2), // two seconds' worth of votes may be under way
    },
  },
  thresholds: {
    checks: ['rate==1'],               // every vote is counted or durable
    dropped_iterations: ['count==0'],  // and was sent when it was due
    'http_req_duration{name:vote}': [`p(99)<${__ENV.P99 || 1000}`],
  },
  summaryTrendStats: ['min', 'med', 'p(90)', 'p(99)', 'p(99.9)', 'max'],
};

export function setup() {
  const talk = present(1);
  talk.poll_id = http.get(`${talk.base}/polls/current`).json('poll_id');
  return talk;
}

export default function (talk) {
  const answer = vote(talk, talk.poll_id, voter(), 'ABC'[__ITER % 3], [204, 202]);
  check(answer, { 'the vote is taken': (r) => r.status === 204 || r.status === 202 });
}

export function teardown(talk) {
  const results = http.get(`${talk.base}/polls/${talk.poll_id}/results`);
  check(results, {
    'the total is the sum of the options': (r) => r.json('options').reduce((sum, o) => sum + o.count, 0) === r.json('total'),
    'votes were counted': (r) => r.json('total') > 0,
  });
}
