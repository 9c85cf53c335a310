// What the scripts share. Settings: API, the base address.
import http from 'k6/http';
import { check, fail } from 'k6';

export const api = __ENV.API || 'http://127.0.0.1:8080/api/v1';

const json = { 'Content-Type': 'application/json' };

// present makes a presentation with polls of three options and displays the first.
export function present(polls) {
  const options = [{ key: 'A', value: 'Argentina' }, { key: 'B', value: 'Brazil' }, { key: 'C', value: 'Chile' }];
  const body = { title: 'k6', current_poll_index: 0, polls: [] };
  for (let i = 0; i < polls; i++) body.polls.push({ question: `Question ${i + 1}`, options });
  const answer = http.post(`${api}/presentations`, JSON.stringify(body), { headers: json });
  if (!check(answer, { 'the presentation is there': (r) => r.status === 201 })) fail(`${answer.status} ${answer.body}`);
  const talk = answer.json();
  return { ...talk, base: `${api}/presentations/${talk.presentation_id}` };
}

// vote casts a vote. Statuses that are right where it stands are named by who calls.
export function vote(talk, pollID, voter, key, expected) {
  return http.post(`${talk.base}/polls/current/votes`, JSON.stringify({ poll_id: pollID, key, client_id: voter }), {
    headers: json, tags: { name: 'vote' }, responseCallback: http.expectedStatuses(...expected),
  });
}

// voter makes a random id.
export function voter() {
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () => Math.floor(Math.random() * 16).toString(16));
}

// bearer gives the parameters of an account's requests.
export const bearer = (token) => ({ headers: { ...json, Authorization: `Bearer ${token}` } });

// member registers an account and logs in. It gives the session's token.
export function member() {
  const me = { username: 'k6', email: `${voter()}@example.org`, password: voter() };
  const post = (path) => http.post(`${api}/auth/${path}`, JSON.stringify(me), { headers: json });
  const registered = post('register');
  if (!check(registered, { 'an account is there': (r) => r.status === 201 })) fail(`${registered.status} ${registered.body}`);
  delete me.username;
  const session = post('login');
  if (!check(session, { 'it has a session': (r) => r.status === 200 })) fail(`${session.status} ${session.body}`);
  return session.json('token');
}

// publish publishes polls of three options in the feed, with a tag, and gives their ids.
export function publish(token, tag, polls) {
  const ids = [];
  for (let i = 0; i < polls; i++) {
    const body = { title: `Question ${i + 1}?`, options: ['Argentina', 'Brazil', 'Chile'], tags: [tag], results: 'always' };
    const answer = http.post(`${api}/polls`, JSON.stringify(body), bearer(token));
    if (!check(answer, { 'the poll is published': (r) => r.status === 201 })) fail(`${answer.status} ${answer.body}`);
    ids.push(answer.json('poll_id'));
  }
  return ids;
}
