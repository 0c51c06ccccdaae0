//! A crowd that orders while the shop's database goes away, and what must hold once it is back.
use std::{
    cell::Cell,
    fmt,
    time::{Duration, Instant},
};

use futures_util::future::{join, join_all};
use kernel::testing::found;
use reqwest::Method;

use crate::{
    actor::{Actor, Reply},
    stories::product,
    trade::{Tally, count, revenue},
    world::Shop,
};

const SHOPPERS: usize = 12;
const EACH: usize = 5;

/// The settings of a shop whose database at `url` goes away: nobody waits for long.
pub(crate) fn patience(url: &str) -> [(&str, &str); 3] {
    [("STOA_DATABASE__URL", url), ("STOA_GATEWAY__TIMEOUT_MS", "4000"), ("STOA_ORDERS__LEASE_SECONDS", "3")]
}

/// An answer while a database is away: right, or come again.
pub(crate) fn is_patient(reply: &Reply) -> bool {
    match reply.status {
        503 => !reply.header("retry-after").is_empty(),
        status => status < 500 || status == 504,
    }
}

/// Guests with a full cart each, and somebody who looks around.
pub(crate) struct Crowd<'a> {
    visitor: Actor<'a>,
    carts: Vec<Actor<'a>>,
}

/// What a crowd saw.
pub(crate) struct Seen {
    orders: Tally,
    visits: Tally,
    /// The orders that were acknowledged, each with its guest's place in the crowd.
    pub(crate) acknowledged: Vec<(usize, String)>,
    /// From the beginning to the last answer.
    took: Duration,
    /// From when the database was back to the first order after that.
    pub(crate) recovered: Duration,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { orders, visits, took, recovered, .. } = self;
        write!(f, "{took:.1?}, an order {recovered:.1?} after it was back; orders {orders}; visits {visits}")
    }
}

impl<'a> Crowd<'a> {
    pub(crate) async fn gather(shop: &'a Shop, sam: &Actor<'_>) -> Self {
        product(sam, "cup", &[("CUP", 1250, 1000)]).await;
        let visitor = shop.guest("guest");
        let carts = join_all((0..SHOPPERS * EACH).map(|_| visitor.with_cart(&[("CUP", 2)]))).await;
        Self { visitor, carts }
    }

    /// All order, each until they have theirs, while `disturb` takes the database away and brings it back.
    pub(crate) async fn rush(&self, disturb: impl Future<Output = ()>) -> Seen {
        let (done, back) = (Cell::new(false), Cell::new(None));
        let begun = Instant::now();
        let shoppers = async {
            let shoppers = self.carts.chunks(EACH).enumerate().map(async |(shopper, carts)| {
                let (mut answers, mut acknowledged) = (Tally::default(), Vec::new());
                for (place, cart) in (shopper * EACH..).zip(carts) {
                    let placed = cart.insist("ok", "order", &mut answers).await;
                    acknowledged.push((place, placed.text("/id"), Instant::now()));
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                (answers, acknowledged)
            });
            let (mut answers, mut acknowledged) = (Tally::default(), Vec::new());
            for (more, orders) in join_all(shoppers).await {
                answers.add(more);
                acknowledged.extend(orders);
            }
            done.set(true);
            (answers, acknowledged)
        };
        let visits = async {
            let mut answers = Tally::default();
            while !done.get() {
                let shown = self.visitor.send(Method::GET, "/v1/products", None, &[]).await;
                assert!(is_patient(&shown), "{shown:?}");
                answers.note(&shown);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            answers
        };
        let disturb = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            disturb.await;
            back.set(Some(Instant::now()));
        };
        let ((orders, acknowledged), (visits, ())) = join(shoppers, join(visits, disturb)).await;
        let failed = |answers: &Tally| answers.count("503 unavailable") + answers.count("504 deadline_exceeded");
        // Orders may have waited until it was over.
        let met = failed(&orders) + failed(&visits);
        assert!(met > 0 && visits.count("200") > 0, "nobody met it: {orders}; {visits}");
        let back = back.get().expect("it is back");
        let after = acknowledged.iter().filter(|(.., at)| *at > back).map(|(.., at)| *at - back).min();
        let acknowledged = acknowledged.into_iter().map(|(place, id, _)| (place, id)).collect();
        let recovered = after.expect("there were orders after it");
        Seen { orders, visits, acknowledged, took: begun.elapsed(), recovered }
    }

    /// All order once, while nothing is wrong.
    pub(crate) async fn order(&self) -> Vec<(usize, String)> {
        let orders = self.carts.iter().enumerate().map(async |(place, cart)| {
            let placed = cart.order("ok", "order").await;
            assert!(matches!(placed.status, 201 | 202), "{placed:?}");
            (place, placed.text("/id"))
        });
        join_all(orders).await
    }

    /// How many of the orders that were acknowledged the shop does not know, once it answers.
    pub(crate) async fn missing(&self, acknowledged: &[(usize, String)]) -> usize {
        self.visitor.look("/v1/products", |body| body["items"].is_array()).await;
        let looks = acknowledged.iter().map(async |(place, id)| {
            let cart = &self.carts[*place];
            found(async || {
                let shown = cart.send(Method::GET, &format!("/v1/orders/{id}"), None, &[]).await;
                if matches!(shown.status, 200 | 404) {
                    return Ok(usize::from(shown.status == 404));
                }
                assert!(is_patient(&shown), "{shown:?}");
                Err(format!("{shown:?}"))
            })
            .await
        });
        join_all(looks).await.into_iter().sum()
    }

    /// Each cart is one order, and stock, money and mail say the same.
    pub(crate) async fn has_its_orders(&self, shop: &Shop, sam: &Actor<'_>) {
        for cart in &self.carts {
            let placed = cart.all("/v1/orders").await;
            assert_eq!(placed.len(), 1, "one order for each cart");
            cart.settled(placed[0]["id"].as_str().unwrap()).await;
        }
        let all = self.carts.len();
        let books = shop.closed_books().await;
        let placed = sam.all("/v1/orders").await;
        assert_eq!((placed.len(), count(&placed, "confirmed")), (all, all));
        assert_eq!((books.returned, books.income), (0, revenue(&placed)));
        assert_eq!(sam.stock("CUP").await, 1000 - 2 * i64::try_from(all).unwrap());
        assert_eq!(sam.mails("order_confirmed", all).await, all, "one mail for each");
    }
}
