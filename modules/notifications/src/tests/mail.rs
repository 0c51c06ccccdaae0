//! What e-mails say.
use orders::Order;
use serde_json::{Value, json};

use super::*;
use crate::{domain::Kind, email::Email};

fn render(kind: Kind, order: &Value) -> Email {
    let order: Order = serde_json::from_value(order.clone()).unwrap();
    templates().render(kind, &order).unwrap()
}

#[test]
fn a_confirmation_says_what_was_bought_what_it_costs_and_where_it_goes() {
    let email = render(Kind::Confirmed, &order(None));
    let text = "\
Thank you for your order 7K3F-9QXM. This is what you bought:

2 x Tee (Medium): 20.00 EUR

Items: 20.00 EUR
Shipping (standard): 4.90 EUR
Total: 24.90 EUR
Tax included: 3.98 EUR

It goes to:

Ada Lovelace
Market Street 1
10115 Berlin
DE

-- 
Stoa
https://shop.example";
    assert_eq!(email.text, text);
    for part in ["7K3F-9QXM", "2 &times; Tee (Medium)", "24.90 EUR", "Tax included", "Ada Lovelace", "10115 Berlin"] {
        assert!(email.html.contains(part), "{part}: {}", email.html);
    }
}

#[test]
fn a_tax_that_is_added_and_a_discount_are_lines_of_their_own() {
    let mut order = order(None);
    order["totals"]["tax_included"] = json!(false);
    order["totals"]["discount"]["amount"] = json!(100);
    order["shipping_address"]["line2"] = json!("Flat 2");
    order["shipping_address"]["region"] = json!("BE");
    let email = render(Kind::Confirmed, &order);
    assert!(email.text.contains("\nDiscount: -1.00 EUR\nTax: 3.98 EUR\nTotal: 24.90 EUR\n\n"), "{}", email.text);
    assert!(email.text.contains("\nFlat 2\n10115 Berlin\nBE\nDE\n"), "{}", email.text);
    assert!(!email.html.contains("Tax included") && email.html.contains("-1.00 EUR"));
}

#[test]
fn every_kind_is_written_in_both_forms() {
    let mut order = order(None);
    for (kind, told) in [
        (Kind::Shipped, "DHL, tracking number JD0146"),
        (Kind::Refunded, "5.00 EUR of 24.90 EUR"),
        (Kind::Cancelled, "had to cancel"),
    ] {
        let email = render(kind, &order);
        assert!(email.text.contains(told) && email.html.contains(told), "{}", email.text);
        assert!(!email.text.contains("\n\n\n"), "{}", email.text);
        assert!(email.text.contains("2 x Tee (Medium)"));
    }
    for (reason, told) in [("customer", "As you asked"), ("staff", "had to cancel"), ("payment_expired", "in time")] {
        order["cancellation"] = json!({"reason": reason, "detail": "Because."});
        let email = render(Kind::Cancelled, &order);
        assert!(email.text.contains(told) && email.html.contains(told), "{}", email.text);
    }
}

#[test]
fn a_shipment_without_a_number_is_told_without_one() {
    let mut order = order(None);
    order["shipments"] = json!([
        {"id": Uuid::now_v7(), "carrier": "DHL", "tracking_number": null, "shipped_at": "2026-01-02T03:04:05Z"},
        {"id": Uuid::now_v7(), "carrier": "UPS", "tracking_number": "1Z", "shipped_at": "2026-01-02T03:04:05Z"},
    ]);
    let email = render(Kind::Shipped, &order);
    assert!(email.text.contains("way.\n\nDHL\nUPS, tracking number 1Z\n\n2 x"), "{}", email.text);
}

#[test]
fn html_escapes_what_is_put_into_it() {
    let mut order = order(None);
    let evil = "<script>alert('\"&')</script>";
    order["lines"][0]["name"] = json!(evil);
    order["lines"][0]["variant"] = json!(evil);
    order["number"] = json!(evil);
    order["shipping_method"] = json!(evil);
    for field in ["name", "line1", "line2", "city", "region", "postal_code", "country"] {
        order["shipping_address"][field] = json!(evil);
    }
    order["shipments"][0]["carrier"] = json!(evil);
    order["shipments"][0]["tracking_number"] = json!(evil);
    for kind in [Kind::Confirmed, Kind::Cancelled, Kind::Shipped, Kind::Refunded] {
        let email = render(kind, &order);
        assert!(!email.html.contains("<script"), "{}", email.html);
        assert!(email.html.contains("&lt;script&gt;") && email.text.contains(evil));
    }
}

#[tokio::test]
async fn a_line_break_in_a_name_adds_no_header() {
    let evil = "Ada\r\nBcc: eve@example.com\r\n\r\n<html>";
    for post in posts().await {
        let mut order = order(None);
        order["lines"][0]["name"] = json!(evil);
        order["shipping_address"]["name"] = json!(evil);
        order["number"] = json!(evil);
        for happened in [CONFIRMED, CANCELLED, SHIPPED, REFUNDED] {
            post.hear(&event(happened, order.clone())).await.unwrap();
        }
        post.send().await;
        let mails = post.mails();
        assert_eq!(mails.len(), 4);
        for mail in mails {
            let (head, _) = mail.split_once("\r\n\r\n").unwrap();
            let names: Vec<_> = head.split("\r\n").filter(|line| !line.starts_with(' ')).collect();
            assert_eq!(names.len(), 8, "{head}");
            assert!(!names.iter().any(|line| line.starts_with("Bcc")), "{head}");
        }
    }
}
