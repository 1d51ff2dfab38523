// Shoppers who look: lists, filters, the next page, a product, a search with a typing error.
//
// SHOPPERS, PRODUCTS and DURATION change the size.
import { check } from 'k6';
import { Trend } from 'k6/metrics';
import { TREND_STATS, checks, count, requests, spread, writeSummary } from '../lib/figures.js';
import { ask, faults, number, overloaded, until } from '../lib/server.js';
import { product, vendor, waitUntilOnSale } from '../lib/stalls.js';

const SHOPPERS = number('SHOPPERS', 32);
const PRODUCTS = number('PRODUCTS', 120);
const PAGE = 10;
const CATEGORIES = ['kitchen', 'garden', 'books', 'lamps'];
const KINDS = ['kettle', 'lantern', 'notebook', 'ladder', 'teapot', 'basket'];
const SEARCHES = ['kettle', 'lantren', 'notebok', 'teap', 'ladder brass', 'nothing like it'];

// Else some category has no second page.
const FEWEST = 2 * PAGE * CATEGORIES.length;
if (PRODUCTS < FEWEST) throw new Error(`PRODUCTS must be ${FEWEST} or more`);

const steps = {};
for (const step of ['list', 'product', 'search']) steps[step] = new Trend(`${step}_ms`, true);

export const options = {
  scenarios: {
    shoppers: { executor: 'constant-vus', vus: SHOPPERS, duration: __ENV.DURATION || '20s' },
  },
  setupTimeout: '120s',
  summaryTrendStats: TREND_STATS,
  thresholds: {
    checks: ['rate==1'],
    server_faults: ['count==0'],
    overloaded_answers: ['count==0'],
    list_ms: ['p(99)<500'],
    product_ms: ['p(99)<500'],
    search_ms: ['p(99)<500'],
  },
};

export function setup() {
  faults.add(0);
  overloaded.add(0);
  const vendors = ['Ada', 'Bo', 'Cleo', 'Dan'].map(vendor);
  const goods = Array.from({ length: PRODUCTS }, (_, n) =>
    product(vendors[n % vendors.length], {
      title: `Brass ${KINDS[n % KINDS.length]} ${n + 1}`,
      category: CATEGORIES[n % CATEGORIES.length],
      units: 5 + (n % 7),
      unit_minor: 900 + 100 * n,
    }),
  );
  waitUntilOnSale(goods);
  // Lists and the search follow the journal a moment behind.
  const found = () => ask('search', 'GET', '/v1/store/search?q=brass&limit=1');
  until('all products found', 20, () => found().json('total') === PRODUCTS);
  return { goods };
}

function look(step, path, headers) {
  const answer = ask(step, 'GET', path, { headers });
  steps[step].add(answer.timings.duration);
  return answer;
}

const isGood = { 'it is answered': ({ status }) => status === 200 };
const one = (list) => list[Math.floor(Math.random() * list.length)];

export default function shopper({ goods }) {
  const list = `/v1/store/products?category=${one(CATEGORIES)}&limit=${PAGE}`;
  const first = look('list', list);
  if (!check(first, isGood)) return;
  const { items, next_cursor } = first.json();
  check(items, { 'a page is full and in stock': (all) => all.length === PAGE && all.every((item) => item.in_stock) });
  const next = look('list', `${list}&cursor=${next_cursor}`);
  if (!check(next, isGood)) return;
  const seen = new Set(items.map(({ id }) => id));
  check(next.json().items, { 'the next page repeats nothing': (all) => all.every(({ id }) => !seen.has(id)) });
  check(look('list', '/v1/store/products?price_max=1500&in_stock=true'), isGood);

  const good = one(goods);
  const path = `/v1/store/products/${good.product}`;
  const page = look('product', path);
  check(page, { 'the stock is what was received': (shown) => shown.json('offers.0.available') === good.received });
  const again = look('product', path, { 'If-None-Match': page.headers.Etag });
  check(again, { 'what is known is not sent again': ({ status }) => status === 304 });

  const words = one(SEARCHES);
  const found = look('search', `/v1/store/search?q=${encodeURIComponent(words)}&limit=10`);
  check(found, isGood);
  check(found.json('total'), { 'typing errors are allowed for': (total) => total > 0 || words.startsWith('nothing') });
}

export function handleSummary(data) {
  return writeSummary('browse', data, (metrics) => [
    ['products, shoppers', `${PRODUCTS}, ${SHOPPERS}`],
    ['list', spread(metrics, 'list_ms')],
    ['product', spread(metrics, 'product_ms')],
    ['search', spread(metrics, 'search_ms')],
    ['requests', requests(metrics)],
    ['5xx or no answer', count(metrics, 'server_faults')],
    ['checks', checks(metrics)],
  ]);
}
