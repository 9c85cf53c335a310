// Calls of the API. What it refuses is thrown as a Problem, with the code that the API's description lists.

import { root } from "./address.js";

export const base = `${root}/api/v1`;

/** What the API refused (RFC 9457), or that it could not be reached: its status is then 0 and its code "unreachable". */
export class Problem extends Error {
  constructor({ status = 0, code = "unreachable", detail = "", field, etag = null }, retryAfter = 1) {
    super(detail || code);
    Object.assign(this, { status, code, detail, field, etag, retryAfter });
  }

  /** Whether the same call may be answered otherwise soon. */
  get passes() {
    return [0, 408, 429, 500, 502, 503, 504].includes(this.status);
  }
}

const longest = 10; // seconds that a call waits by itself; what takes longer people are told
const sleepers = new Set(); // those who rest

/**
 * Waits between two tries: for so many seconds, or until there is a reason to try at once, since there is a connection again or
 * somebody looks. wake is called with what ends it besides.
 */
export function rest(seconds, wake = () => {}) {
  return new Promise((resolve) => {
    const timer = setTimeout(end, seconds * 1000);
    function end() {
      clearTimeout(timer);
      sleepers.delete(end);
      resolve();
    }
    sleepers.add(end);
    wake(end);
  });
}

const wakeAll = () => [...sleepers].forEach((end) => setTimeout(end, Math.random() * 500)); // not all phones at the same moment
addEventListener("online", wakeAll);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && wakeAll());

const pause = (seconds) => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

/**
 * Calls the API and gives {status, data, etag, superseded, clock}; data is null where the answer has no body, and clock is the server's
 * at that moment, in ms. Throws a Problem.
 * path is below the base path. Options: token (the presenter's), body (sent as JSON), headers, timeout in seconds, and tries: how
 * often it is sent at most while it may pass, or while again says so of the problem. By default GET is tried four times and anything
 * else once; what can be sent again safely (with If-Match, say) may be given more.
 */
export async function call(method, path, {
  token, body, headers = {}, timeout = 10, tries = method === "GET" ? 4 : 1, again = (problem) => problem.passes,
} = {}) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await send(method, path, token, body, headers, timeout);
    } catch (problem) {
      if (!(problem instanceof Problem) || !again(problem) || problem.retryAfter > longest || attempt >= tries) throw problem;
      await pause(Math.max(problem.retryAfter, 0.5 * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2));
    }
  }
}

/** Gives only the data of a GET. */
export const get = async (path, options) => (await call("GET", path, options)).data;

/** Says whether a problem is that a session is over, or is none. */
export const isOfSession = ({ code }) => /session/.test(code);

/** Tells the page where the API has refused (401) a session that is over: session.js says what becomes of it. */
export function refusedSession(data, token) {
  if (data && isOfSession(data)) dispatchEvent(new CustomEvent("sessionover", { detail: token }));
}

async function send(method, path, token, body, headers, timeout) {
  const given = { Accept: "application/json", ...headers };
  if (token) given.Authorization = `Bearer ${token}`;
  if (body !== undefined) given["Content-Type"] = "application/json";
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout * 1000);
  let answer, text;
  try {
    answer = await fetch(base + path, {
      method, headers: given, body: body && JSON.stringify(body), signal: stop.signal, credentials: "omit",
    });
    text = await answer.text();
  } catch {
    throw new Problem({});
  } finally {
    clearTimeout(timer);
  }
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    if (answer.ok) throw new Problem({ status: 502, code: "unreadable" });
  }
  if (!answer.ok) {
    if (answer.status === 401) refusedSession(data, token);
    const seconds = Number.parseFloat(answer.headers.get("Retry-After"));
    const etag = answer.headers.get("ETag");
    throw new Problem({ code: "unknown", ...data, status: answer.status, etag }, Number.isFinite(seconds) ? seconds : 1);
  }
  const superseded = answer.headers.get("Vote-Superseded") === "true"; // another vote of the same voter stands
  const clock = Date.parse(answer.headers.get("Date")) || Date.now();
  return { status: answer.status, data, etag: answer.headers.get("ETag"), superseded, clock };
}

/** Where a presentation is, and what belongs to it: at(id, "polls", pollID, "results"). */
export const at = (...parts) => `/presentations/${parts.map(encodeURIComponent).join("/")}`;
