// Asked of the server after the load, before it is stopped: do stock, orders and books say what the buyers were told?
// SOUK_SUMMARY names the run's summary. What the journal says is asked afterwards, by `souk verify`.
import { check } from 'k6';
import { Gauge } from 'k6/metrics';
import { checks, count, writeSummary } from '../lib/figures.js';
import { ask, faults, operatorKey, until, yes } from '../lib/server.js';
import { available } from '../lib/stalls.js';

const summary = JSON.parse(open(__ENV.SOUK_SUMMARY));
const { goods } = summary.setup;
const told = count(summary.metrics, 'units_sold');
const PATIENCE_S = 30;

const found = { orders: new Gauge('orders'), sold: new Gauge('sold'), left: new Gauge('left') };

export const options = {
  vus: 1,
  iterations: 1,
  thresholds: { checks: ['rate==1'], server_faults: ['count==0'], iterations: ['count==1'] },
};

const operator = (step, path) => yes(ask(step, 'GET', path, { who: operatorKey }), `${step} is told`);

export default function theServer() {
  faults.add(0);
  const received = goods.reduce((sum, good) => sum + good.received, 0);
  // Holds of buyers who never came back may still have to end.
  const { orders, sold, left } = until('stock and orders at rest', PATIENCE_S, () => {
    const now = stand();
    return now.sold + now.left === received && now.sold >= told && now;
  });
  found.orders.add(orders.length);
  found.sold.add(sold);
  found.left.add(left);
  const isSound = ({ sku, received: units }) => soldOf[sku] <= units;
  check(goods, { 'no offer sold more than it had': (all) => all.every(isSound) });
  if (summary.scenario.startsWith('flash_sale')) {
    check(sold, { 'every unit is sold': (n) => n === received });
    check(left, { 'none is left': (n) => n === 0 });
    check(told, { 'every buyer was told of the order': (n) => n === sold });
    check(orders, { 'one order a unit': (all) => all.length === sold });
  }
  check(orders, { 'no order needs a person': (all) => all.every((order) => !order.flagged) });

  const ledger = operator('ledger', '/v1/operator/ledger');
  check(ledger, { 'the books balance': ({ totals }) => totals.every(({ balance_minor }) => balance_minor === 0) });
  const engine = operator('actors', '/v1/operator/actors');
  check(engine, {
    'no actor fell over': ({ restarts }) => restarts === 0,
    'none is kept apart': ({ quarantined }) => quarantined.length === 0,
  });
}

const soldOf = {};

// What was sold and what is left, as orders and pages say.
function stand() {
  for (const good of goods) soldOf[good.sku] = 0;
  const orders = allOrders().map(({ id }) => operator('order', `/v1/operator/orders/${id}`));
  for (const line of orders.flatMap(({ lines }) => lines)) {
    if (line.state !== 'cancelled') soldOf[line.sku] += line.quantity;
  }
  const left = goods.map(available);
  check(left, { 'no page shows less than nothing': (all) => all.every((units) => units >= 0) });
  const sum = (all) => all.reduce((one, other) => one + other, 0);
  return { orders, sold: sum(Object.values(soldOf)), left: sum(left) };
}

function allOrders() {
  const all = [];
  for (let cursor = ''; cursor !== null; ) {
    const page = operator('orders', `/v1/operator/orders?limit=200${cursor && `&cursor=${cursor}`}`);
    all.push(...page.items);
    cursor = page.next_cursor;
  }
  return all;
}

export function handleSummary(data) {
  return writeSummary(`${summary.scenario}.verify`, data, (metrics) => {
    const value = (name) => (metrics[name] ? metrics[name].values.value : 'unknown');
    return [
      ['by the server: orders', value('orders')],
      ['by the server: units sold, left', `${value('sold')}, ${value('left')}`],
      ['by the server: checks', checks(metrics)],
    ];
  });
}
