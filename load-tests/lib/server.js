// The server under load: where it is, how it is asked, and what its answers are counted as.
import exec from 'k6/execution';
import http from 'k6/http';
import { check, fail, sleep } from 'k6';
import { Counter } from 'k6/metrics';

export const base = __ENV.SOUK_URL || 'http://127.0.0.1:8080';
export const operatorKey = __ENV.SOUK_OPERATOR_KEY || '';

// No answer and 5xx: a refusal is an answer, these are not.
export const faults = new Counter('server_faults');
// 429: the server said that too much is under way.
export const overloaded = new Counter('overloaded_answers');

http.setResponseCallback(http.expectedStatuses({ min: 200, max: 499 }));

// k6's number for a connection that is refused.
const REFUSED = 1212;

// Every buyer has keys of its own, in every run: nobody may be taken for a repeat of somebody else.
const mine = crypto.randomUUID();
let keys = 0;

export function newKey() {
  keys += 1;
  return `${mine}-${keys}`;
}

// `step` names the request in the figures, since a path with ids in it is another one every time.
export function ask(step, method, path, { who = '', key = '', body = null, headers = {} } = {}) {
  const sent = { ...headers };
  if (who) sent.Authorization = `Bearer ${who}`;
  if (key) sent['Idempotency-Key'] = key;
  if (body !== null) sent['Content-Type'] = 'application/json';
  const text = body === null ? null : JSON.stringify(body);
  const answer = http.request(method, base + path, text, { headers: sent, tags: { name: step } });
  if (answer.status === 0 || answer.status >= 500) {
    faults.add(1, { step });
    console.error(`${step}: ${answer.status} ${answer.error} ${answer.body}`);
  }
  if (answer.error_code === REFUSED) exec.test.abort(`nobody listens on ${base}`);
  if (answer.status === 429) overloaded.add(1, { step });
  return answer;
}

export function change(step, method, path, who, body = {}, key = newKey()) {
  return ask(step, method, path, { who, key, body });
}

export function isYes(answer) {
  return answer.status >= 200 && answer.status < 300;
}

// The stable code of a refusal.
export function codeOf(answer) {
  try {
    return answer.json('code') || '';
  } catch (_) {
    return '';
  }
}

// What must be a yes; anything else fails the check, and this iteration with it.
export function yes(answer, what) {
  if (!check(answer, { [what]: isYes })) fail(`${what}: ${answer.status} ${answer.body}`);
  return answer.json();
}

// Asks again and again until `look` returns something.
export function until(what, seconds, look) {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const seen = look();
    if (seen) return seen;
    if (Date.now() > deadline) fail(`never ${what}`);
    sleep(0.05);
  }
}

// A whole number from the environment.
export function number(name, otherwise) {
  const text = __ENV[name];
  if (text === undefined || text === '') return otherwise;
  if (!/^[0-9]+$/.test(text)) throw new Error(`${name}=${text} must be a whole number`);
  return Number(text);
}
