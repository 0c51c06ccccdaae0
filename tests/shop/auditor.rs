//! The auditor is audited: whatever is wrong in the books, somebody says so.
use std::time::Duration;

use kernel::Executor;

use crate::{
    books::Books,
    invariants::{audit, contradictions, furnish, violations},
    shopper::{Story, Visit},
    world::{Engine, Shop, Topology},
};

/// Each invariant sees what breaks it: the control of all tests that rely on them.
#[tokio::test]
async fn the_auditor_finds_what_is_wrong() {
    let shop = Shop::open(Topology::Together, Engine::Sqlite, &[("STOA_PRODUCTS__DEMO", "false")]).await;
    let staff = furnish(&shop).await;
    for (name, story) in [("a", Story::Bought), ("b", Story::Cancelled), ("c", Story::Declined), ("d", Story::Refunded)]
    {
        let visit = Visit { bases: shop.bases.clone(), staff: staff.clone(), sku: "CUP", name: name.into() };
        story.play(visit).await.unwrap();
    }
    let facts = audit(&shop, Duration::from_secs(20), false).await.unwrap();
    assert_eq!((facts.orders.len(), contradictions(&facts, &staff).await.unwrap()), (4, vec![]));
    let books = Books::open(&shop).await;
    for (module, wrong, seen) in [
        ("notifications", "UPDATE inbox_cursors SET position = 0", "0 heard"),
        ("notifications", "UPDATE deliveries SET status = 'failed', sent_at = NULL", "is failed"),
        ("notifications", "DELETE FROM deliveries WHERE kind = 'order_confirmed'", "0 mails order_confirmed"),
        ("products", "UPDATE stock SET on_hand = on_hand + 1", "its ledger says"),
        ("products", "UPDATE stock SET reserved = 2", "2 are kept for nobody"),
        ("products", "DELETE FROM stock_ledger WHERE number = 2", "its ledger has gaps"),
        ("products", "UPDATE stock_ledger SET delta = delta - 1 WHERE reason = 'sale'", "moved by"),
        ("products", "UPDATE reservations SET state = 'expired' WHERE state = 'committed'", "its reservation is"),
        ("payments", "UPDATE test_charges SET refunded = refunded - 1 WHERE refunded > 0", "1 is kept"),
        ("payments", "DELETE FROM test_operations WHERE what = 'capture'", "captured 0 times"),
        ("payments", "UPDATE test_charges SET amount = amount + 1", "charged"),
        ("payments", "UPDATE test_charges SET state = 'authorized' WHERE state = 'captured'", "money is still held"),
        ("payments", "UPDATE test_charges SET order_id = zeroblob(16)", "is of no order"),
        ("payments", "DELETE FROM outbox WHERE position = 2", "have gaps"),
        ("orders", "DELETE FROM outbox WHERE kind = 'order.cancelled' AND position > 1", "it told"),
        ("orders", "DELETE FROM order_events WHERE kind = 'OrderConfirmed'", "its history has gaps"),
        ("orders", "UPDATE orders SET status = 'pending' WHERE status = 'confirmed'", "pending"),
    ] {
        let changed = books_of(&books, module).query(wrong).execute().await.unwrap();
        let found = violations(&books.read().await.unwrap()).join("; ");
        assert!(changed > 0 && found.contains(seen), "{wrong}: {found}");
    }
    books.close().await;
}

fn books_of<'a>(books: &'a Books, module: &str) -> &'a kernel::Db {
    match module {
        "orders" => &books.orders,
        "payments" => &books.payments,
        "products" => &books.products,
        _ => &books.notifications,
    }
}
