use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use kernel::testing::at_once;

use super::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Number {
    number: usize,
}

type Numbers = Cache<String, Number>;

fn numbers() -> (Arc<Changes>, Numbers) {
    let changes = Arc::<Changes>::default();
    (Arc::clone(&changes), Cache::new(&changes, 1 << 20))
}

/// Asks for `A`, which is `reads` as often as it was read.
async fn ask(cache: &Numbers, reads: &AtomicUsize) -> usize {
    let read = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok((Ready::of(&Number { number: reads.fetch_add(1, Relaxed) })?, vec![stock("A")]))
    };
    cache.get("A".to_owned(), read).await.unwrap().value().unwrap().number
}

fn stock(sku: &str) -> Name {
    Name::Stock(sku.parse().unwrap())
}

#[tokio::test]
async fn it_is_read_once_for_all_who_ask_and_again_after_a_change() {
    let (changes, cache) = numbers();
    let (cache, reads) = (Arc::new(cache), Arc::new(AtomicUsize::new(0)));
    let all = async || {
        let each = |_, _| {
            let (cache, reads) = (Arc::clone(&cache), Arc::clone(&reads));
            async move { ask(&cache, &reads).await }
        };
        at_once(50, each).await.into_iter().collect::<HashSet<_>>()
    };
    assert_eq!((all().await, all().await), ([0].into(), [0].into()));
    drop(changes.of([stock("B")]));
    assert_eq!(all().await, [0].into());
    drop(changes.of([stock("A")]));
    assert_eq!(all().await, [1].into());
    assert!(lock(&cache.flights).is_empty());
}

#[tokio::test]
async fn what_changes_while_it_is_read_is_read_again_for_who_asks_later() {
    let ((changes, cache), reads) = (numbers(), AtomicUsize::new(0));
    let change = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(changes.of([stock("A")]));
        ask(&cache, &reads).await
    };
    assert_eq!(tokio::join!(ask(&cache, &reads), change), (0, 1));
}

#[tokio::test]
async fn a_reading_that_is_given_up_or_fails_keeps_nobody_waiting() {
    let ((_, cache), reads) = (numbers(), AtomicUsize::new(0));
    assert!(tokio::time::timeout(Duration::from_millis(1), ask(&cache, &reads)).await.is_err());
    let refused = cache.get("A".into(), async { Err(Error::KeyReused) }).await;
    assert_eq!(refused.err(), Some(Error::KeyReused));
    assert_eq!(ask(&cache, &reads).await, 0);
    assert!(lock(&cache.flights).is_empty());
}
