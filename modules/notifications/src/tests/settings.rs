//! Who mail comes from.
use crate::{email::Shop, settings::Settings};

fn sender(from: &str) -> Result<String, String> {
    let shop = Shop { shop_name: "Stoa".into(), shop_url: "https://shop.example".into() };
    let settings = Settings { from: from.into(), keep_days: 365, shop };
    settings.sender().map(|sender| sender.to_string()).map_err(|error| error.to_string())
}

#[test]
fn what_is_kept_outlives_every_event_that_may_come_again() {
    for (keep_days, kept) in [(0, None), (30, Some(30)), (365, Some(365))] {
        let shop = Shop { shop_name: "Stoa".into(), shop_url: "https://shop.example".into() };
        let settings = Settings { from: "shop@example.com".into(), keep_days, shop }.checked().unwrap();
        assert_eq!(settings.kept().map(|kept| kept.num_days()), kept);
    }
    let shop = Shop { shop_name: "Stoa".into(), shop_url: "https://shop.example".into() };
    let refused = Settings { from: "shop@example.com".into(), keep_days: 29, shop }.checked().err().unwrap();
    assert!(refused.to_string().starts_with("`notifications.keep_days` must be 0"), "{refused}");
}

#[test]
fn mail_comes_from_an_address_that_answers_can_reach() {
    for (from, sender_is) in [
        ("Stoa <shop@example.com>", "Stoa <shop@example.com>"),
        ("shop@example.com", "shop@example.com"),
        ("Stoa <Shop@EXAMPLE.com>", "Stoa <Shop@example.com>"),
        ("Stoa <shop@b\u{fc}cher.de>", "Stoa <shop@xn--bcher-kva.de>"),
    ] {
        assert_eq!(sender(from).as_deref(), Ok(sender_is));
    }
    for from in [
        "",
        "Stoa",
        "Stoa <a@b>",
        "shop@[127.0.0.1]",
        "\"the shop\"@example.com",
        "b\u{fc}ro@example.com",
        "a@b.c, d@e.f",
    ] {
        let refused = sender(from).unwrap_err();
        assert!(refused.starts_with("`notifications.from` must be like") && !refused.contains('\n'), "{refused}");
    }
}
