//! The embedded index by itself: what is found, in which order, what is counted, what survives.

use souk_core::market::LocalizedText;
use souk_core::money::{Currency, Money};

use super::super::{Filter, LIMIT_MAX, Search, VendorEntry};
use super::*;
use crate::tenants::StoreScope;

fn text(texts: &[(&str, &str)]) -> LocalizedText {
    texts.iter().map(|(locale, text)| ((*locale).to_owned(), (*text).to_owned())).collect()
}

fn document(n: u128, title: &str, category: &str, vendor: u128, minor: i64) -> Document {
    Document {
        id: ProductId(n),
        version: 1,
        title: text(&[("en", title)]),
        description: LocalizedText::new(),
        category: category.to_owned(),
        vendors: vec![VendorEntry { id: VendorId(vendor), name: format!("Maker {vendor}") }],
        price: Some(Money::new(minor, Currency::EUR)),
        in_stock: true,
        sellers: vec![VendorId(vendor)],
        skus: vec![SkuId(n + 1_000)],
    }
}

fn catalogue() -> Vec<Document> {
    vec![
        Document {
            title: text(&[("en", "Ceramic bowl, blue"), ("de", "Blaue Keramikschüssel")]),
            description: text(&[("en", "Thrown by hand for soups")]),
            ..document(1, "", "kitchen", 1, 2_500)
        },
        Document { in_stock: false, ..document(2, "Ceramic bowl", "kitchen", 1, 2_000) },
        document(3, "Wooden bowl", "kitchen", 2, 3_000),
        document(4, "Ceramic vase", "living", 2, 4_500),
        document(5, "Linen scarf", "clothing", 3, 5_500),
        Document { vendors: Vec::new(), ..document(6, "Ceramic bowl of nobody", "kitchen", 4, 100) },
    ]
}

fn stand(position: u64) -> Stand {
    Stand { journal_id: "a".to_owned(), positions: vec![position; 64] }
}

fn put(document: Document) -> Change {
    Change { product: document.id, document: Some(document) }
}

fn market() -> MarketId {
    MarketId::main()
}

struct Rig {
    dir: tempfile::TempDir,
    search: Search,
}

impl Rig {
    async fn filled() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let search = Search::embedded(dir.path(), &market()).unwrap();
        assert_eq!(search.stand().await.unwrap(), None);
        search.write(catalogue().into_iter().map(put).collect(), stand(1)).await.unwrap();
        Rig { dir, search }
    }

    async fn all(&self, text: &str, filter: Filter) -> Found {
        let query = Query { text: text.to_owned(), filter };
        self.search.find(&StoreScope::of_anybody(), &query, None, LIMIT_MAX).await.unwrap()
    }

    async fn found(&self, text: &str) -> Vec<u128> {
        ids(&self.all(text, Filter::default()).await)
    }
}

fn ids(found: &Found) -> Vec<u128> {
    found.items.iter().map(|document| document.id.0).collect()
}

#[tokio::test]
async fn words_are_found_as_they_are_in_other_forms_and_with_errors() {
    let rig = Rig::filled().await;
    for (asked, expected) in [
        ("ceramic bowl", vec![1, 2]),
        ("CERAMIC bowls", vec![1, 2]),
        ("bowl ceramic", vec![1, 2]),
        // One error in seven letters; and a word of four that is meant as it is, and that nothing has.
        ("seramic bowl", vec![1, 2]),
        ("bwol seramic", vec![1, 2, 4]),
        ("seramic bwol", vec![1, 2, 4]),
        ("ceramic bo", vec![1, 2]),
        ("wodoen bowl", vec![3]),
        // Of another language, without its dots; and only in what is said of it.
        ("keramikschussel", vec![1]),
        ("keramiksch", vec![1]),
        ("soup", vec![1]),
        ("thrown soups", vec![1]),
        // A filler need not be there.
        ("the bowl for a soup", vec![1]),
        // The category and the vendor's name.
        ("living", vec![4]),
        ("maker 3", vec![5]),
        // Of words that no document has together, the last is left out.
        ("linen vase", vec![5]),
        // Words that say nothing alone find nothing, rather than everything.
        ("the xyzzy", vec![]),
        ("xyzzy", vec![]),
        ("bowls of nobody", vec![1, 3, 2]),
    ] {
        assert_eq!(rig.found(asked).await, expected, "{asked}");
    }
    // Everything, what is in stock first.
    assert_eq!(rig.found("").await, [1, 3, 4, 5, 2]);
    assert_eq!(rig.found(" ?! ").await, [1, 3, 4, 5, 2]);
}

#[tokio::test]
async fn filters_and_counts_speak_of_the_same_documents() {
    let rig = Rig::filled().await;
    let filter = Filter::default;
    let bowls = rig.all("bowl", filter()).await;
    assert_eq!((bowls.total, ids(&bowls)), (3, vec![1, 3, 2]));
    assert_eq!(bowls.facets.categories, [("kitchen".to_owned(), 3)]);
    let vendor = |n: u128| VendorEntry { id: VendorId(n), name: format!("Maker {n}") };
    assert_eq!(bowls.facets.vendors, [(vendor(1), 2), (vendor(2), 1)]);

    for (filter, expected) in [
        (Filter { category: Some("kitchen".to_owned()), ..filter() }, vec![1, 3, 2]),
        (Filter { category: Some("kitch".to_owned()), ..filter() }, vec![]),
        (Filter { vendor: Some(VendorId(2)), ..filter() }, vec![3, 4]),
        (Filter { vendor: Some(VendorId(4)), ..filter() }, vec![]),
        (Filter { price_min: Some(2_500), price_max: Some(4_500), ..filter() }, vec![1, 3, 4]),
        (Filter { price_max: Some(2_499), ..filter() }, vec![2]),
        (Filter { price_min: Some(9), price_max: Some(3), ..filter() }, vec![]),
        (Filter { in_stock: Some(true), ..filter() }, vec![1, 3, 4, 5]),
        (Filter { in_stock: Some(false), ..filter() }, vec![2]),
    ] {
        let found = rig.all("", filter.clone()).await;
        assert_eq!(ids(&found), expected, "{filter:?}");
        let counted: u64 = found.facets.categories.iter().map(|(_, count)| count).sum();
        assert_eq!((found.total, counted), (expected.len() as u64, expected.len() as u64), "{filter:?}");
    }
}

#[tokio::test]
async fn pages_lie_end_to_end_although_the_index_changes() {
    let rig = Rig::filled().await;
    let query = Query { text: "seramic bwol".to_owned(), ..Query::default() };
    let scope = StoreScope::of_anybody();
    let first = rig.search.find(&scope, &query, None, 2).await.unwrap();
    assert_eq!((ids(&first), first.total), (vec![1, 2], 3));
    let place = Place::parse(&first.next.unwrap().to_string(), &query).unwrap();
    // A better one comes, and one of the first page goes: the next page begins where it would have begun.
    let gone = Change { product: ProductId(2), document: None };
    let change = vec![put(document(7, "Ceramic", "kitchen", 1, 1)), gone];
    rig.search.write(change, stand(2)).await.unwrap();
    let second = rig.search.find(&scope, &query, Some(place), 2).await.unwrap();
    assert_eq!((ids(&second), second.next), (vec![4, 7], None));
}

#[tokio::test]
async fn documents_and_stand_survive_together() {
    let rig = Rig::filled().await;
    let changed = Document { in_stock: true, version: 2, ..catalogue().remove(1) };
    rig.search.write(vec![put(changed.clone())], stand(9)).await.unwrap();
    let before = rig.all("", Filter::default()).await;
    assert_eq!(rig.search.naming(vec![VendorId(4)], vec![SkuId(1_001)]).await.unwrap().len(), 2);

    // Two cannot write; whoever comes second is told so.
    let second = Search::embedded(rig.dir.path(), &market()).unwrap_err();
    assert!(matches!(second, SearchError::InUse { .. }), "{second}");
    assert!(Search::embedded_anew(rig.dir.path(), &market()).is_err());
    let Rig { dir, search } = rig;
    drop(search);
    let rig = Rig { search: Search::embedded(dir.path(), &market()).unwrap(), dir };
    assert_eq!(rig.search.stand().await.unwrap(), Some(stand(9)));
    assert_eq!(rig.all("", Filter::default()).await, before);
    assert_eq!(rig.search.documents(vec![ProductId(2), ProductId(99)]).await.unwrap(), [changed]);
    assert_eq!(rig.search.count().await.unwrap(), 6);

    // Prices of another market are other documents: nothing of this one counts.
    let Rig { dir, search } = rig;
    drop(search);
    let other = Search::embedded(dir.path(), &MarketId("mkt_other".to_owned())).unwrap();
    assert_eq!(other.stand().await.unwrap(), None);
    other.clear().await.unwrap();
    assert_eq!(other.count().await.unwrap(), 0);
    assert_eq!(other.stand().await.unwrap(), None);
}

#[tokio::test]
async fn a_damaged_index_is_filled_anew() {
    let Rig { dir, search } = Rig::filled().await;
    drop(search);
    std::fs::write(dir.path().join("meta.json"), "{").unwrap();
    let search = Search::embedded(dir.path(), &market()).unwrap();
    assert_eq!(search.stand().await.unwrap(), None);
    search.write(vec![put(catalogue().remove(0))], stand(1)).await.unwrap();
    assert_eq!(search.count().await.unwrap(), 1);
    drop(search);
    let anew = Search::embedded_anew(dir.path(), &market()).unwrap();
    assert_eq!((anew.count().await.unwrap(), anew.stand().await.unwrap()), (0, None));
}
