//! What the index holds of a document.

use souk_core::ids::ProductId;
use tantivy::TantivyDocument;
use tantivy::schema::{
    Field, INDEXED, IndexRecordOption, NumericOptions, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

use super::super::{Document, VendorEntry};
use super::words::{self, PLAIN};

/// Columns that are read for every document found.
pub(super) const ID_HIGH: &str = "id_high";
pub(super) const ID_LOW: &str = "id_low";
pub(super) const CATEGORY: &str = "category";
pub(super) const VENDOR_ENTRY: &str = "vendor_entry";

/// The fields, by what they are for.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) schema: Schema,
    /// Names the document.
    pub(super) id: Field,
    id_high: Field,
    id_low: Field,
    /// Whether it may be found.
    pub(super) shown: Field,
    pub(super) in_stock: Field,
    pub(super) price: Field,
    pub(super) category: Field,
    /// Who has it for sale.
    pub(super) vendor: Field,
    vendor_entry: Field,
    /// Everybody with an offer.
    pub(super) seller: Field,
    pub(super) sku: Field,
    /// Words, and their stems.
    pub(super) title: Field,
    pub(super) title_stems: Field,
    pub(super) about: Field,
    pub(super) about_stems: Field,
    /// Words of the category and of the vendors' names.
    pub(super) labels: Field,
    /// The whole document.
    pub(super) body: Field,
}

impl Fields {
    pub(super) fn new() -> Self {
        let mut schema = Schema::builder();
        // How often a word is there, and where, says nothing here.
        let indexed = |tokenizer: &str| {
            let basic = TextFieldIndexing::default()
                .set_index_option(IndexRecordOption::Basic)
                .set_fieldnorms(false)
                .set_tokenizer(tokenizer);
            TextOptions::default().set_indexing_options(basic)
        };
        let column = || NumericOptions::default().set_fast();
        let fields = Fields {
            id: schema.add_text_field("id", STRING),
            id_high: schema.add_u64_field(ID_HIGH, column()),
            id_low: schema.add_u64_field(ID_LOW, column()),
            shown: schema.add_bool_field("shown", INDEXED),
            in_stock: schema.add_bool_field("in_stock", INDEXED),
            price: schema.add_i64_field("price", column().set_indexed()),
            category: schema.add_text_field(CATEGORY, indexed("raw").set_fast("raw")),
            vendor: schema.add_text_field("vendor", STRING),
            vendor_entry: schema.add_text_field(VENDOR_ENTRY, TextOptions::default().set_fast("raw")),
            seller: schema.add_text_field("seller", STRING),
            sku: schema.add_text_field("sku", STRING),
            title: schema.add_text_field("title", indexed(PLAIN)),
            title_stems: schema.add_text_field("title_stems", indexed(PLAIN)),
            about: schema.add_text_field("about", indexed(PLAIN)),
            about_stems: schema.add_text_field("about_stems", indexed(PLAIN)),
            labels: schema.add_text_field("labels", indexed(PLAIN)),
            body: schema.add_text_field("body", STORED),
            schema: Schema::builder().build(),
        };
        Fields { schema: schema.build(), ..fields }
    }

    /// A document as the index takes it.
    pub(super) fn entry(&self, document: &Document) -> Result<TantivyDocument, serde_json::Error> {
        let mut entry = TantivyDocument::new();
        entry.add_text(self.id, document.id.to_string());
        let (high, low) = halves(document.id);
        entry.add_u64(self.id_high, high);
        entry.add_u64(self.id_low, low);
        entry.add_bool(self.shown, document.is_shown());
        entry.add_bool(self.in_stock, document.in_stock);
        if let Some(price) = document.price {
            entry.add_i64(self.price, price.minor);
        }
        entry.add_text(self.category, &document.category);
        entry.add_text(self.labels, &document.category);
        for vendor in &document.vendors {
            entry.add_text(self.vendor, vendor.id.to_string());
            entry.add_text(self.vendor_entry, written(vendor));
            entry.add_text(self.labels, &vendor.name);
        }
        for seller in &document.sellers {
            entry.add_text(self.seller, seller.to_string());
        }
        for sku in &document.skus {
            entry.add_text(self.sku, sku.to_string());
        }
        for (locale, text) in &document.title {
            entry.add_text(self.title, text);
            entry.add_pre_tokenized_text(self.title_stems, words::stems(locale, text));
        }
        for (locale, text) in &document.description {
            entry.add_text(self.about, text);
            entry.add_pre_tokenized_text(self.about_stems, words::stems(locale, text));
        }
        entry.add_text(self.body, serde_json::to_string(document)?);
        Ok(entry)
    }
}

/// An id in two columns.
fn halves(id: ProductId) -> (u64, u64) {
    ((id.0 >> 64) as u64, id.0 as u64)
}

/// The id out of its columns.
pub(super) fn whole(high: u64, low: u64) -> ProductId {
    ProductId((u128::from(high) << 64) | u128::from(low))
}

/// Id and name in one column, so that counting needs no second look.
fn written(vendor: &VendorEntry) -> String {
    format!("{} {}", vendor.id, vendor.name)
}

/// What [`written`] wrote.
pub(super) fn vendor_of(text: &str) -> Option<VendorEntry> {
    let (id, name) = text.split_once(' ')?;
    Some(VendorEntry { id: id.parse().ok()?, name: name.to_owned() })
}
