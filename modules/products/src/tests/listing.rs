use std::collections::HashSet;

use super::*;
use crate::{
    NewCategory, ProductQuery,
    catalogue::{
        self,
        index::Narrowed,
        store::{NAME, NEWEST, PRICE, PRICE_DOWN},
    },
};

/// Names and prices, some of them equal.
const GOODS: [(&str, i64); 11] = [
    ("Zebra", 500),
    ("apple", 100),
    ("Äpple", 100),
    ("Banana", 300),
    ("Banana", 200),
    ("banana", 100),
    ("100% cotton", 900),
    ("under_score", 900),
    ("東京", 50),
    ("Crème", 0),
    ("Quince", 300),
];

async fn fill(shop: &Shop) {
    shop.create_category(staff(), NewCategory { slug: None, name: "Fruit".into() }).await.unwrap();
    for (n, (name, price)) in GOODS.into_iter().enumerate() {
        let new = NewProduct {
            vendor: Some(if n % 2 == 0 { "Müller" } else { "Stoa" }.into()),
            category: Some("fruit".to_owned()).filter(|_| n < 6),
            tags: vec![format!("tag{n}"), "Été".into()],
            variants: vec![sized(&format!("S{n}"), "Small", price + 5), sized(&format!("L{n}"), "Large", price)],
            ..product(name)
        };
        shop.create(staff(), new).await.unwrap();
    }
}

/// Every page of a list, one after the other.
async fn walk(shop: &Shop, query: ProductQuery) -> Vec<Product> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = shop.list(Caller::Anonymous, ProductQuery { cursor, ..query.clone() }).await.unwrap();
        assert!(page.items.len() <= 2 && !page.items.is_empty());
        all.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn every_order_is_walked_to_its_end_without_gap_or_overlap() {
    let mut orders = Vec::new();
    for shop in shops().await {
        fill(&shop).await;
        for sort in [None, Some("newest"), Some("name"), Some("price"), Some("-price")] {
            for category in [None, Some("fruit".to_owned())] {
                let expected = if category.is_some() { 6 } else { GOODS.len() };
                let query =
                    ProductQuery { sort: sort.map(Into::into), category, limit: Some(2), ..ProductQuery::default() };
                let all = walk(&shop, query).await;
                assert_eq!(all.iter().map(|product| product.id).collect::<HashSet<_>>().len(), expected);
                assert_eq!(all.len(), expected, "{sort:?}");
                let key =
                    |product: &Product| (crate::forms::slug::sort_key(&product.name), product.variants[1].price.amount);
                assert!(all.is_sorted_by(|a, b| match sort {
                    None | Some("newest") => a.created_at >= b.created_at,
                    Some("name") => key(a).0 <= key(b).0,
                    Some("price") => key(a).1 <= key(b).1,
                    _ => key(a).1 >= key(b).1,
                }));
                assert!(all.iter().all(|product| product.variants.len() == 2 && product.variants[0].name == "Small"));
                orders.push(all.into_iter().map(|product| product.name).collect::<Vec<_>>());
            }
        }
    }
    let (sqlite, postgres) = orders.split_at(orders.len() / 2);
    assert_eq!(sqlite, postgres, "both engines order alike");
}

/// Indexes whatever there is.
async fn index(shop: &Shop) {
    while catalogue::index::index(shop).await.unwrap() {}
}

/// What is looked for, and how many it finds.
const FOUND: [(&str, usize); 28] = [
    ("banana", 3),
    ("BANANA stoa", 2),
    ("nan", 3),
    ("stoa banana tag5", 1),
    ("muller", 6),
    ("Müller", 6),
    ("ete", 11),
    ("creme", 1),
    ("東京", 1),
    ("100%", 1),
    ("%", 0),
    ("_", 0),
    ("!", 0),
    ("\u{200b}", 0),
    ("\u{a0}", 11),
    ("𒀀", 0),
    ("dong jing", 1),
    ("東", 1),
    ("bananas", 3),
    ("(banana)", 3),
    ("apples, \"été\"", 2),
    ("S5", 1),
    ("L10", 1),
    ("small", 11),
    ("'; DROP TABLE products; --", 0),
    ("nothing", 0),
    (" ", 11),
    ("a b c d e f g h i j", 0),
];

#[tokio::test]
async fn words_are_found_in_name_vendor_and_tags_however_they_are_written() {
    for shop in shops().await {
        fill(&shop).await;
        for (indexed, (q, expected)) in
            [false, true].into_iter().flat_map(|indexed| FOUND.map(|found| (indexed, found)))
        {
            if indexed {
                index(&shop).await;
            }
            let query = ProductQuery { q: Some(q.into()), ..ProductQuery::default() };
            let found = shop.list(staff(), query.clone()).await.unwrap();
            assert_eq!(found.items.len(), expected, "{q}, indexed: {indexed}");
            let fruit = ProductQuery { category: Some("fruit".into()), ..query };
            let found = shop.list(staff(), fruit).await.unwrap().items;
            assert!(found.iter().all(|product| product.category.as_deref() == Some("fruit")), "{q}");
        }
        let long = ProductQuery { q: Some("ﷺ".repeat(200)), ..ProductQuery::default() };
        assert_eq!(shop.list(Caller::Anonymous, long).await.unwrap().items, []);
        let nowhere = ProductQuery { category: Some("no-such".into()), ..ProductQuery::default() };
        assert_eq!(shop.list(Caller::Anonymous, nowhere).await.unwrap().items, []);
    }
}

#[tokio::test]
async fn each_list_has_an_index_that_also_sorts() {
    for shop in shops().await.into_iter().filter(|shop| matches!(shop.db, kernel::Db::Sqlite { .. })) {
        for (texts, index) in [(NEWEST, "newest"), (NAME, "name"), (PRICE, "price"), (PRICE_DOWN, "price")] {
            for sql in texts[2] {
                let explain = format!("EXPLAIN QUERY PLAN {}", sql.replace("$*", "$37"));
                let plan: Vec<(i64, i64, i64, String)> = shop.db.query(explain.leak()).fetch_all().await.unwrap();
                let steps: Vec<_> = plan.into_iter().map(|(.., step)| step).collect();
                let scanned = |step: &String| step.starts_with("SCAN") && step != "SCAN found";
                assert!(!steps.iter().any(scanned), "{sql}: {steps:?}");
            }
            for [everywhere, in_category] in &texts[..2] {
                for (sql, index) in
                    [(everywhere, format!("products_{index}")), (in_category, format!("products_category_{index}"))]
                {
                    let explain = format!("EXPLAIN QUERY PLAN {}", sql.replace("$*", "$37"));
                    let plan: Vec<(i64, i64, i64, String)> = shop.db.query(explain.leak()).fetch_all().await.unwrap();
                    assert!(plan.len() == 1 && plan[0].3.contains(&format!(" {index} ")), "{sql}: {plan:?}");
                }
            }
        }
    }
}

/// What 0.1.0 does to a product: it knows nothing of the words.
async fn written_by_the_last_release(shop: &Shop, id: crate::ProductId, name: &str) {
    let written = shop
        .db
        .query("UPDATE products SET name = $2, search = $3, version = version + 1 WHERE id = $1")
        .bind(id)
        .bind(name.to_owned())
        .bind(crate::forms::slug::fold(name));
    assert_eq!(written.execute().await.unwrap(), 1);
}

#[tokio::test]
async fn what_the_last_release_writes_is_found_once_it_is_prepared() {
    for shop in shops().await {
        fill(&shop).await;
        assert!(!catalogue::prepare(&shop).await.unwrap(), "what this release writes is prepared");
        let found = async |q: &str| {
            let query = ProductQuery { q: Some(q.into()), ..ProductQuery::default() };
            shop.list(Caller::Anonymous, query).await.unwrap().items
        };
        let quince = found("quince").await.remove(0);
        written_by_the_last_release(&shop, quince.id, "绿茶").await;
        assert!(catalogue::prepare(&shop).await.unwrap() && !catalogue::prepare(&shop).await.unwrap());
        let after = found("茶").await.remove(0);
        assert_eq!((after.id, after.version, after.updated_at), (quince.id, 2, quince.updated_at));
        assert_eq!((found("quince").await.len(), found("S10").await.len(), found("tag10").await.len()), (0, 1, 1));
    }
}

#[tokio::test]
async fn what_there_was_before_the_words_is_found_as_it_was() {
    for shop in shops().await {
        fill(&shop).await;
        let migration = include_str!("../../../../migrations/products/0102_words.sql");
        let filled = migration.lines().find(|line| line.starts_with("UPDATE")).unwrap();
        for sql in ["UPDATE products SET words = '', prose = '', words_version = 0", filled] {
            assert_eq!(shop.db.query(sql).execute().await.unwrap(), 11);
        }
        let query = ProductQuery { q: Some("BANANA müller".into()), ..ProductQuery::default() };
        assert_eq!(shop.list(Caller::Anonymous, query).await.unwrap().items.len(), 1);
        while catalogue::prepare(&shop).await.unwrap() {}
        let query = ProductQuery { q: Some("bananas".into()), ..ProductQuery::default() };
        assert_eq!(shop.list(Caller::Anonymous, query).await.unwrap().items.len(), 3);
    }
}

/// How many products `q` finds.
async fn count(shop: &Shop, q: &str) -> usize {
    let query = ProductQuery { q: Some(q.into()), ..ProductQuery::default() };
    shop.list(staff(), query).await.unwrap().items.len()
}

async fn narrowed(shop: &Shop, q: &str) -> Option<Narrowed> {
    catalogue::index::narrow(shop, &catalogue::search::asked(q).unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_index_leads_to_what_has_a_word_and_past_all_others() {
    for shop in shops().await {
        fill(&shop).await;
        assert_eq!(narrowed(&shop, "nothing").await.unwrap().waiting.len(), GOODS.len(), "it is not indexed yet");
        index(&shop).await;
        assert_eq!(narrowed(&shop, "nothing").await, Some(Narrowed::default()));
        let found = narrowed(&shop, "stoa banan").await.unwrap();
        assert!(found.waiting.is_empty() && found.terms.iter().all(|term| term.contains("banan") || term == "stoa"));
        assert_eq!(count(&shop, "banana").await, 3);

        // So many others have it that it is not worth while.
        for _ in 0..=500 {
            let other = shop.db.query("INSERT INTO product_terms (term, product_id) VALUES ('banana', $1)");
            other.bind(Uuid::now_v7()).execute().await.unwrap();
        }
        shop.create(staff(), NewProduct { variants: vec![variant("B", 1, 0)], ..product("Banana") }).await.unwrap();
        assert_eq!(count(&shop, "banana").await, 4);
        index(&shop).await;
        assert_eq!((narrowed(&shop, "banana").await, count(&shop, "banana").await), (None, 4));
        let both = narrowed(&shop, "banana tag3").await.unwrap();
        assert_eq!((both.terms.len(), count(&shop, "banana tag3").await), (2, 1), "as `tag3` and as its root");
    }
}

#[tokio::test]
async fn what_another_release_writes_is_indexed_as_well() {
    for shop in shops().await {
        fill(&shop).await;
        index(&shop).await;
        // 0.2.0 writes words, and knows no index.
        let sql =
            "UPDATE products SET words = ' lantern ', prose = ' +lantern lantern ', version = 2, words_version = 2
                    WHERE sort_name = $1";
        assert_eq!(shop.db.query(sql).bind(b"zebra".to_vec()).execute().await.unwrap(), 1);
        for _ in 0..2 {
            assert_eq!(
                (count(&shop, "lantern").await, count(&shop, "zebra").await, count(&shop, "ante").await),
                (1, 0, 1)
            );
            index(&shop).await;
        }
        assert_eq!(narrowed(&shop, "lantern").await.unwrap().terms, ["lantern"]);
    }
}
