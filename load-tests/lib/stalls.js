// What must be there before anybody can buy: vendors, products, units. Made over the API, as an operator and a vendor
// would.
import { ask, change, operatorKey, until, yes } from './server.js';

const PRODUCTS = '/v1/vendor/products';
const PATIENCE_S = 20;

// A vendor that may sell: its id and its key.
export function vendor(name) {
  const legal_entity = { name: `${name} GmbH`, country: 'DE', series: 'A' };
  const vendors = '/v1/operator/vendors';
  const { id } = yes(change('apply', 'POST', vendors, operatorKey, { name, legal_entity }), 'a vendor applies');
  yes(change('approve vendor', 'POST', `${vendors}/${id}/approve`, operatorKey), 'a vendor is approved');
  const made = change('make key', 'POST', `${vendors}/${id}/keys`, operatorKey, { name: 'load test' });
  return { id, key: yes(made, 'a vendor gets a key').key };
}

// A product with one offer and this many units, on sale.
export function product(seller, { title, category = 'things', units, unit_minor = 1999 }) {
  const draft = { title: { en: title }, category, variants: [{}] };
  const made = yes(change('create product', 'POST', PRODUCTS, seller.key, draft), 'a product is made');
  const path = `${PRODUCTS}/${made.id}`;
  const price = { unit_minor, shipping_minor: 499, currency: 'EUR' };
  const offer = { variant: made.variants[0], code: 'L-1', price };
  const { sku } = yes(change('offer', 'POST', `${path}/offers`, seller.key, offer), 'it is offered');
  const receipt = change('receive', 'POST', `${path}/offers/${sku}/receive`, seller.key, { quantity: units });
  yes(receipt, 'units are received');
  yes(change('submit', 'POST', `${path}/submit`, seller.key), 'it is submitted');
  const approval = `/v1/operator/products/${made.id}/approve`;
  yes(change('approve product', 'POST', approval, operatorKey), 'it is approved');
  return { product: made.id, sku, received: units };
}

// A stock shard hears of an offer a moment after its product.
export function waitUntilOnSale(goods) {
  for (const good of goods) {
    until(`on sale: ${good.sku}`, PATIENCE_S, () => available(good) === good.received);
  }
}

// Units that can be held now, as the shop's page says; undefined while it is not on sale.
export function available(good) {
  const page = ask('product', 'GET', `/v1/store/products/${good.product}`);
  if (page.status !== 200) return undefined;
  const offer = page.json().offers.find((one) => one.sku === good.sku);
  return offer && offer.available;
}
