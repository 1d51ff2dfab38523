// Every door once: a sale with its parcel, a repeat, a declined card, 3-D Secure, the last unit, an abandoned cart.
import { check } from 'k6';
import { fill, pay, show, step } from '../lib/checkout.js';
import { TREND_STATS, checks, count, requests, writeSummary } from '../lib/figures.js';
import { ask, base, change, codeOf, faults, newKey, until, yes } from '../lib/server.js';
import { available, product, vendor, waitUntilOnSale } from '../lib/stalls.js';

const ROUNDS = 3;

export const options = {
  vus: 1,
  iterations: ROUNDS,
  summaryTrendStats: TREND_STATS,
  thresholds: { checks: ['rate==1'], server_faults: ['count==0'], iterations: [`count==${ROUNDS}`] },
};

export function setup() {
  faults.add(0);
  const seller = vendor('Smoke');
  const goods = [
    product(seller, { title: 'Plenty', units: 50 }),
    ...Array.from({ length: ROUNDS }, (_, n) => product(seller, { title: `The only one ${n + 1}`, units: 1 })),
  ];
  waitUntilOnSale(goods);
  return { goods, seller: seller.id };
}

export default function everyDoor({ goods: [plenty, ...single], seller }) {
  check(ask('ready', 'GET', '/readyz'), { 'it is ready': ({ status }) => status === 200 });
  sell(plenty, keyOf(seller));
  tryTwoCards(plenty);
  passAtTheBank(plenty);
  abandon(plenty);
  takeTheLast(single[__ITER]);
}

// A vendor's key is made anew, so that none stands in the summary.
function keyOf(seller) {
  const keys = `/v1/operator/vendors/${seller}/keys`;
  return yes(change('make key', 'POST', keys, __ENV.SOUK_OPERATOR_KEY, { name: 'smoke' }), 'a vendor gets a key').key;
}

function sell(good, vendorKey) {
  const cart = fill(good, 2);
  const key = newKey();
  const { answer, said } = pay(cart, 'card_success', { key });
  check(said, { 'an order is placed': (word) => word === 'placed' });
  const repeat = pay(cart, 'card_success', { key }).answer;
  check(repeat, {
    'a repeat is the same bytes': ({ body }) => body === answer.body,
    'and says that it is one': ({ headers }) => headers['Idempotent-Replayed'] === 'true',
  });
  const order = answer.json('order');
  yes(ask('order', 'GET', `/v1/store/orders/${order}`, { who: cart.token }), 'the shopper sees the order');
  const path = `/v1/vendor/orders/${order}`;
  const parcel = yes(change('ship', 'POST', `${path}/ship`, vendorKey, { tracking: 'T-1' }), 'it is shipped').parcel;
  yes(change('deliver', 'POST', `${path}/parcels/${parcel}/deliver`, vendorKey), 'it is delivered');
}

function tryTwoCards(good) {
  const cart = fill(good);
  check(pay(cart, 'card_declined').said, { 'a declined card is told': (word) => word === 'payment_declined' });
  check(pay(cart, 'card_success').said, { 'another card pays': (word) => word === 'placed' });
}

function passAtTheBank(good) {
  const cart = fill(good);
  check(pay(cart, 'card_3ds').said, { 'the bank asks its shopper': (word) => word === 'action_needed' });
  const page = show(cart).payment.action_url.replace(/^https?:\/\/[^/]+/, '');
  check(ask('bank page', 'GET', page), { 'the bank has a page': ({ status }) => status === 200 });
  check(ask('bank choice', 'POST', `${page}?result=pass`), { 'it is passed': ({ status }) => status === 200 });
  until('placed after 3-D Secure', 10, () => show(cart).state === 'placed');
}

function abandon(good) {
  const cart = fill(good);
  yes(step(cart, 'abandon', 'POST', 'abandon'), 'a cart is abandoned');
  check(pay(cart, 'card_success').said, { 'an abandoned cart cannot be paid': (word) => word === 'checkout_ended' });
}

function takeTheLast(good) {
  const [first, second] = [fill(good), fill(good)];
  check(pay(first, 'card_success').said, { 'the last unit is sold': (word) => word === 'placed' });
  check(pay(second, 'card_success').said, { 'and not twice': (word) => word === 'out_of_stock' });
  check(available(good), { 'and the page says so': (left) => left === 0 });
  const unknown = ask('unknown', 'GET', `/v1/store/products/${good.product.slice(0, -1)}`);
  check(unknown, { 'what there is not is a refusal': (answer) => answer.status === 404 && codeOf(answer) !== '' });
}

export function handleSummary(data) {
  return writeSummary('smoke', data, (metrics) => [
    ['server', base],
    ['rounds', count(metrics, 'iterations')],
    ['requests', requests(metrics)],
    ['5xx or no answer', count(metrics, 'server_faults')],
    ['checks', checks(metrics)],
  ]);
}
