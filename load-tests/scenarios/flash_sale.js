// One offer, few units, many buyers at once. Each opens a cart, goes to its quote and pays; then the next one comes.
//
// FORM=pay (usual)  everybody pays until nothing is left, and after that is told so
// FORM=abandon      some go to the bank's page and never come back, half of them saying so; their units must come back
//                   and be sold to others
// UNITS, BUYERS and DURATION change the size.
import exec from 'k6/execution';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { fill, pay, step } from '../lib/checkout.js';
import { TREND_STATS, checks, count, requests, spread, writeSummary } from '../lib/figures.js';
import { faults, number, overloaded, yes } from '../lib/server.js';
import { available, product, vendor, waitUntilOnSale } from '../lib/stalls.js';

const UNITS = number('UNITS', 100);
const BUYERS = number('BUYERS', 64);
const SOME_ABANDON = __ENV.FORM === 'abandon';
// Every second of this many first buyers.
const EARLY = SOME_ABANDON ? Math.ceil(UNITS * 1.2) : 0;
const NAME = SOME_ABANDON ? 'flash_sale_abandon' : 'flash_sale';
const PRICE_MINOR = 2498;

const sold = new Counter('units_sold');
const soldOut = new Counter('sold_out_answers');
const abandoned = new Counter('units_abandoned');
const pagesBehind = new Counter('pages_behind');
// From the request to pay to its answer.
const placedMs = new Trend('pay_placed_ms', true);
const soldOutMs = new Trend('pay_sold_out_ms', true);
// From the empty cart to the order.
const wholeMs = new Trend('cart_to_order_ms', true);
// When an order was placed, since the sale began.
const placedAtMs = new Trend('placed_at_ms', true);

export const options = {
  scenarios: {
    buyers: {
      executor: 'constant-vus',
      vus: BUYERS,
      duration: __ENV.DURATION || '30s',
      gracefulStop: '60s',
    },
  },
  summaryTrendStats: TREND_STATS,
  thresholds: {
    checks: ['rate==1'],
    server_faults: ['count==0'],
    overloaded_answers: ['count==0'],
    units_sold: [`count==${UNITS}`],
    sold_out_answers: ['count>0'],
    pages_behind: ['count==0'],
    pay_sold_out_ms: ['p(99)<500'],
    ...(SOME_ABANDON ? { units_abandoned: ['count>0'] } : {}),
  },
};

export function setup() {
  // A threshold looks only at what was counted at least once.
  for (const counter of [sold, soldOut, abandoned, pagesBehind, faults, overloaded]) counter.add(0);
  const good = product(vendor('Flash'), { title: 'The last hundred', units: UNITS, unit_minor: 1999 });
  waitUntilOnSale([good]);
  return { goods: [good], began_ms: Date.now() };
}

export default function buyer({ goods: [good], began_ms }) {
  const began = Date.now();
  const nth = exec.scenario.iterationInTest;
  const leaves = nth < EARLY && nth % 2 === 1;
  const seen = available(good);
  check(seen, { 'the page never shows more than there was, nor less than nothing': (n) => n >= 0 && n <= UNITS });

  const cart = fill(good);
  check(cart.quote, { 'the price is the price': ({ total_minor }) => total_minor === PRICE_MINOR });
  const { answer, said } = pay(cart, leaves ? 'card_3ds' : 'card_success');
  const known = check(said, {
    'a buyer has the unit, or is told that there is none': (word) =>
      word === (leaves ? 'action_needed' : 'placed') || word === 'out_of_stock',
  });
  if (!known) console.error(`pay: ${answer.status} ${answer.body}`);

  if (said === 'placed') {
    const now = Date.now();
    sold.add(1);
    placedMs.add(answer.timings.duration);
    wholeMs.add(now - began);
    placedAtMs.add(now - began_ms);
  } else if (said === 'out_of_stock') {
    soldOut.add(1);
    soldOutMs.add(answer.timings.duration);
    // Nobody gives units back in this form, so the page must know by now what the buyer was told.
    if (!SOME_ABANDON && available(good) !== 0) pagesBehind.add(1);
  } else if (said === 'action_needed') {
    abandoned.add(1);
    if (nth % 4 === 1) yes(step(cart, 'abandon', 'POST', 'abandon'), 'a checkout is abandoned');
  }
}

export function handleSummary(data) {
  return writeSummary(NAME, data, (metrics) => {
    const last = metrics.placed_at_ms ? `${(metrics.placed_at_ms.values.max / 1000).toFixed(2)} s` : 'never';
    return [
      ['units received', UNITS],
      ['units sold, as buyers were told', count(metrics, 'units_sold')],
      ...(SOME_ABANDON ? [['units held and abandoned', count(metrics, 'units_abandoned')]] : []),
      ['time to the last unit', last],
      ['sold-out answers', count(metrics, 'sold_out_answers')],
      ['  pay → sold out', spread(metrics, 'pay_sold_out_ms')],
      ['  pay → order', spread(metrics, 'pay_placed_ms')],
      ['  empty cart → order', spread(metrics, 'cart_to_order_ms')],
      ['requests', requests(metrics)],
      ['5xx or no answer', count(metrics, 'server_faults')],
      ['checks', checks(metrics)],
    ];
  });
}
