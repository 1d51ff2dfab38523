//! What files of the form may look like, and what is said of those that do not.

use std::fs;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::super::read::{self, InvalidTime, SourceTime};
use super::{ITEMS, ORDERS, PRODUCTS, Rows, SELLERS, TRANSLATION, brl, directory, with};

#[test]
fn only_the_needed_columns_are_read_wherever_they_stand() {
    let source = with(
        "order_items.csv",
        b"\xef\xbb\xbf\"freight_value\",seller_id,note,price,\"order_id\",order_item_id,product_id\r\n\
          0.50,\"s1\",\"a, \"\"b\"\" \n\xff\",58.90,o1, 2 ,p1\r\n\r\n13,s\xc3\xa9,,7.5,o1,1,p1",
    )
    .expect("an unusual file of the right form");
    let items: Vec<_> = source
        .items
        .iter()
        .map(|item| (item.order.as_str(), item.number, item.seller.as_str(), item.price, item.freight))
        .collect();
    assert_eq!(items, [("o1", 2, "s1", brl(5_890), brl(50)), ("o1", 1, "sé", brl(750), brl(1_300))]);
}

#[test]
fn optional_cells_may_be_empty() {
    let source =
        with("orders.csv", format!("{ORDERS}o1,,,2020-01-01 10:00:00,,\n")).expect("only optional ones are");
    assert_eq!(source.orders[0].status, None);
    assert_eq!(source.orders[0].handed_over_at, None);
    let source = with("products.csv", format!("{PRODUCTS}p1,,\np2, ,\n")).expect("likewise");
    assert!(source.products.iter().all(|product| product.category.is_none()));
    let translation = format!("{TRANSLATION}mesas,\n");
    let source = with("product_category_name_translation.csv", translation).expect("likewise");
    assert!(source.translations.is_empty());
}

#[test]
fn files_may_have_no_rows() {
    for (file, header) in [("products.csv", PRODUCTS), ("sellers.csv", SELLERS), ("order_items.csv", ITEMS)] {
        with(file, header).expect("a header is enough");
        with(file, header.trim_end()).expect("likewise");
    }
    assert!(Rows::default().source().orders.is_empty());
}

#[test]
fn packed_files_are_read_where_there_is_no_plain_one() {
    let rows = Rows::default().order("o1", 1, "").items("o1", &[("p1", "s1", "1.00", "0.50")]);
    let plain = rows.directory();
    let packed = directory(&[]);
    for entry in fs::read_dir(plain.path()).expect("just written") {
        let path = entry.expect("just written").path();
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        let bytes =
            compress_to_vec(fs::read(&path).expect("just written").as_slice(), CompressionLevel::Fastest);
        fs::write(packed.path().join(format!("{name}.zst")), bytes).expect("written");
    }
    assert_eq!(read::read(packed.path()).expect("packed"), rows.source());
    // A plain file beside the packed one is somebody's later wish.
    fs::write(packed.path().join("order_items.csv"), ITEMS).expect("written");
    assert!(read::read(packed.path()).expect("mixed").items.is_empty());
    fs::write(packed.path().join("orders.csv.zst"), b"no zstd at all").expect("written");
    let error = read::read(packed.path()).expect_err("damaged").to_string();
    assert!(error.contains("orders.csv.zst") && error.contains("zstd -d"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    let dir = Rows::default().directory();
    fs::remove_file(dir.path().join("sellers.csv")).expect("there");
    let error = read::read(dir.path()).expect_err("missing").to_string();
    assert!(error.contains("neither sellers.csv nor sellers.csv.zst"), "{error}");
    let error = read::read(&dir.path().join("nowhere")).expect_err("missing").to_string();
    assert!(error.contains("neither orders.csv"), "{error}");
    fs::create_dir(dir.path().join("sellers.csv")).expect("free");
    let error = read::read(dir.path()).expect_err("a directory").to_string();
    assert!(error.contains("cannot read") && error.contains("check that it is a file"), "{error}");
}

/// Says what is wrong with `file` when it is `content`, where it is more than the words that `must` be in it.
fn complaint(file: &str, content: impl AsRef<[u8]>, must: &[&str]) {
    let error = with(file, content).expect_err("must be refused").to_string();
    for part in must {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[test]
fn a_bad_cell_is_told_with_file_line_and_column() {
    let item = |cells: &str| format!("{ITEMS}o1,7,p1,s1,,1.00,0.50\n\n{cells}\n");
    for (cells, column, cause) in [
        ("o1,1,p1,s1,,1.001,0", "price", "more than 2 decimals"),
        ("o1,1,p1,s1,,\"1,50\",0", "price", "is not a plain number"),
        ("o1,1,p1,s1,,-1.00,0", "price", "is negative"),
        ("o1,1,p1,s1,,,0", "price", "is empty"),
        ("o1,1,p1,s1,,1.00,99999999999999.00", "freight_value", "is too large"),
        ("o1,0,p1,s1,,1.00,0", "order_item_id", "counted from 1"),
        ("o1,x,p1,s1,,1.00,0", "order_item_id", "is not a plain number"),
        ("o1,4294967296,p1,s1,,1.00,0", "order_item_id", "is too large"),
        ("o1,1,,s1,,1.00,0", "product_id", "is empty"),
        ("o1,1,p1,,,1.00,0", "seller_id", "is empty"),
        ("o1,1,p 1,s1,,1.00,0", "product_id", "without spaces"),
        ("o1,1,\"p\n1\",s1,,1.00,0", "product_id", "control character"),
        ("o2,1,p1,s1,,1.00,0", "order_id", "is o2, which orders does not hold"),
        ("o1,7,p1,s1,,1.00,0", "order_item_id", "is 7 of order o1, which an earlier row is already"),
    ] {
        complaint("order_items.csv", item(cells), &["order_items.csv line 4: ", column, cause]);
    }
    let long = format!("{ITEMS}o1,1,{},s1,,1.00,0\n", "p".repeat(65));
    complaint("order_items.csv", long, &["line 2", "1 to 64 characters"]);
    let mut latin = ITEMS.as_bytes().to_vec();
    latin.extend(b"o1,1,p1,s\xe9,,1.00,0\r\n");
    complaint("order_items.csv", latin, &["line 2: seller_id is not UTF-8", "save the file as UTF-8"]);
    let order = |time: &str| format!("{ORDERS}o1,c,delivered,{time}\n");
    for time in ["2020-13-01 10:00:00,,", "2020-01-01T10:00:00,,", "2020-01-01,,"] {
        let must = [
            "orders.csv line 2: order_purchase_timestamp is \"2020",
            "a time is written 2020-01-31 10:00:00",
        ];
        complaint("orders.csv", order(time), &must);
    }
    complaint("orders.csv", order(",,"), &["order_purchase_timestamp is empty"]);
    complaint(
        "orders.csv",
        order("2020-01-01 10:00:00,soon,"),
        &["order_delivered_carrier_date is \"soon\""],
    );
}

#[test]
fn ids_that_occur_twice_are_refused() {
    let order = "o1,c,,2020-01-01 10:00:00,,\n";
    complaint(
        "orders.csv",
        format!("{ORDERS}{order}{order}"),
        &["line 3: order_id is o1, which an earlier row"],
    );
    complaint("products.csv", format!("{PRODUCTS}p1,a,\np2,a,\np1,b,\n"), &["line 4: product_id is p1"]);
    complaint("sellers.csv", format!("{SELLERS}s,x\ns,y\n"), &["line 3: seller_id is s, which"]);
    let translation = format!("{TRANSLATION}a,b\na,c\n");
    complaint(
        "product_category_name_translation.csv",
        translation,
        &["line 3: product_category_name is a, which"],
    );
}

#[test]
fn a_bad_shape_is_told_with_file_and_line() {
    complaint(
        "sellers.csv",
        format!("{SELLERS}s1,x\ns2\n"),
        &["sellers.csv line 3: 1 cells where the header names 2"],
    );
    complaint("sellers.csv", format!("{SELLERS}s1,x,y\n"), &["sellers.csv line 2: 3 cells where"]);
    complaint("sellers.csv", "", &["sellers.csv line 1 has no column seller_id"]);
    complaint(
        "sellers.csv",
        "seller_id;seller_city\n",
        &["no column seller_id", "is: seller_id;seller_city"],
    );
    complaint("sellers.csv", "seller_id,seller_id\n", &["more than one column seller_id"]);
    // The open quote would swallow the rest of the file into a column that nobody reads.
    complaint(
        "sellers.csv",
        format!("{SELLERS}s1,x\ns2,\"x\ns3,y\ns4,z\n"),
        &["line 3: a quote is opened and never"],
    );
    with("sellers.csv", format!("{SELLERS}s1,\"x \"\"y\"\"\"\ns2,\"a\nb\"\n"))
        .expect("every quote is closed");
}

#[test]
fn times_sort_as_they_are_written() {
    let time = |text: &str| text.parse::<SourceTime>();
    let early = time("2020-01-31 10:00:00").expect("a time");
    assert!(early < time("2020-01-31 10:00:01").expect("a time"));
    assert!(early < time("2021-01-01 00:00:00").expect("a time"));
    assert_eq!(early.to_string(), "2020-01-31 10:00:00");
    assert_eq!(serde_json::to_string(&early).expect("plain data"), r#""2020-01-31 10:00:00""#);
    for bad in ["2020-1-31 10:00:00", "2020-01-32 10:00:00", "2020-01-31 24:00:00", "2020-00-31 10:00:00", ""]
    {
        assert_eq!(time(bad), Err(InvalidTime), "{bad}");
    }
}
