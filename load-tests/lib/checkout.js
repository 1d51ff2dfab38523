// A shopper's steps, from an empty cart to a payment.
import { sleep } from 'k6';
import { ask, change, codeOf, newKey, yes } from './server.js';

// How long the outcome of one payment is asked for, and how often.
const OUTCOME_WITHIN_MS = 60000;
const ASK_AGAIN_S = 0.2;

// States in which the payment has an outcome, or waits for its shopper.
const ENDS = ['placed', 'action_needed', 'awaiting_payment'];
// Refusals after which the same request is sent again.
const ASK_AGAIN = ['request_in_flight', 'overloaded', 'outcome_unknown'];

const ADDRESS = {
  name: 'Ada Example',
  street: 'Example 1',
  postal_code: '10115',
  city: 'Berlin',
  country: 'DE',
  email: 'ada@example.org',
};

export function openCart() {
  const { id, token } = yes(ask('open cart', 'POST', '/v1/store/carts', { key: newKey() }), 'a cart opens');
  return { path: `/v1/store/carts/${id}`, token };
}

export function step(cart, name, method, rest, body, key = newKey()) {
  return change(name, method, `${cart.path}/${rest}`, cart.token, body, key);
}

// A cart with one line, up to its quote.
export function fill(good, quantity = 1) {
  const cart = openCart();
  yes(step(cart, 'set line', 'PUT', `lines/${good.sku}`, { product: good.product, quantity }), 'a line is put in');
  yes(step(cart, 'address', 'PUT', 'address', ADDRESS), 'the address is taken');
  yes(step(cart, 'shipping', 'PUT', 'shipping', { method: 'standard' }), 'the shipping is chosen');
  cart.quote = yes(step(cart, 'quote', 'POST', 'quote', {}), 'it is quoted');
  return cart;
}

// Pays, and asks with the same key until the outcome is known, as a client whose answer got lost would.
// Returns the last answer and what it says: placed, action_needed, awaiting_payment, or a refusal's code.
export function pay(cart, token, { method = 'card', key = newKey() } = {}) {
  const { quote, total_minor, currency } = cart.quote;
  const body = { quote, total_minor, currency, method, token };
  const deadline = Date.now() + OUTCOME_WITHIN_MS;
  for (;;) {
    const answer = step(cart, 'pay', 'POST', 'pay', body, key);
    const said = answer.status < 300 ? answer.json('state') : codeOf(answer);
    const isUnderWay = answer.status < 300 ? !ENDS.includes(said) : ASK_AGAIN.includes(said);
    if (!isUnderWay || Date.now() > deadline) return { answer, said };
    sleep(ASK_AGAIN_S);
  }
}

export function show(cart) {
  return yes(ask('show cart', 'GET', cart.path, { who: cart.token }), 'a cart is shown');
}
