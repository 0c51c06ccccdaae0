//! What a change makes of a product.
use kernel::Money;

use super::{super::product::variant_name, *};
use crate::NewVariant;

fn euro() -> Currency {
    "EUR".parse().unwrap()
}

fn variant(sku: &str, size: &str) -> NewVariant {
    NewVariant {
        sku: sku.into(),
        options: vec![OptionValue { name: "Size".into(), value: size.into() }],
        price: Money::new(1999, euro()),
        compare_at_price: None,
        weight_g: 0,
        barcode: None,
        on_hand: 0,
        stock_policy: None,
        taxable: None,
        on_sale: None,
    }
}

/// A change of these variants.
fn of(variants: Vec<VariantPatch>) -> Change {
    change(ProductPatch { variants: Patch::Value(variants), ..ProductPatch::default() })
}

fn change(patch: ProductPatch) -> Change {
    Change::read(patch, euro()).unwrap()
}

#[test]
fn what_is_absent_stays_and_what_is_empty_goes() {
    let before = Details { vendor: Some("Stoa".into()), category: Some("men".into()), ..Details::empty("a".into()) };
    assert_eq!(change(ProductPatch::default()).apply(before.clone()), before);
    for nothing in [Patch::Empty, Patch::Value(String::new())] {
        let patch = ProductPatch { vendor: nothing.clone(), category: nothing, ..ProductPatch::default() };
        let after = change(patch).apply(before.clone());
        assert_eq!((after.vendor, after.category, &*after.slug), (None, None, "a"));
    }
}

#[test]
fn variants_change_and_are_added_but_never_go() {
    let with = |variants: Vec<NewVariant>| of(variants.into_iter().map(VariantPatch::from).collect());
    let before = with(vec![variant("A", "S"), variant("B", "M")]).merge(vec![]).unwrap();
    let after = with(vec![variant("C", "XL"), variant("B", "L")]).merge(before.clone()).unwrap();
    let names: Vec<_> = after.iter().map(|draft| (draft.sku.as_str(), variant_name(&draft.options))).collect();
    assert_eq!(names, [("A", "S".into()), ("B", "L".into()), ("C", "XL".into())]);
    let twin = with(vec![variant("C", "L"), variant("D", "S")]).merge(before.clone()).unwrap_err();
    assert_eq!((&*twin.0[0].pointer, &*twin.0[0].code), ("/variants/1/options", "duplicate_options"));
    let swapped = with(vec![variant("A", "M"), variant("B", "S")]).merge(before);
    assert!(swapped.is_ok(), "what counts is how they end up");
}

#[test]
fn words_are_looked_for_in_name_vendor_and_tags() {
    let details = Details {
        name: "Käse".into(),
        vendor: Some("STOA".into()),
        tags: vec!["Été".into()],
        ..Details::empty("a".into())
    };
    assert_eq!(details.search(), "kase\nstoa\nete");
}

/// A variant of which nothing is named but its SKU.
fn named(sku: &str) -> VariantPatch {
    VariantPatch { sku: sku.into(), ..VariantPatch::default() }
}

#[test]
fn a_field_of_a_variant_changes_without_the_others() {
    let full = NewVariant {
        compare_at_price: Some(Money::new(2999, euro())),
        weight_g: 180,
        barcode: Some("4006381333931".into()),
        ..variant("A", "S")
    };
    let before = of(vec![full.into()]).merge(vec![]).unwrap();
    let after = |patch| of(vec![patch]).merge(before.clone()).unwrap().remove(0);
    let old = before[0].clone();
    assert_eq!(after(named("A")), old);
    let price = Patch::Value(Money::new(5, euro()));
    assert_eq!(after(VariantPatch { price, ..named("A") }), Draft { price: 5, ..old.clone() });
    assert_eq!(after(VariantPatch { weight_g: Patch::Value(9), ..named("A") }), Draft { weight_g: 9, ..old.clone() });
    for barcode in [Patch::Empty, Patch::Value(String::new())] {
        assert_eq!(after(VariantPatch { barcode, ..named("A") }), Draft { barcode: None, ..old.clone() });
    }
    let emptied = VariantPatch {
        options: Patch::Empty,
        compare_at_price: Patch::Empty,
        weight_g: Patch::Empty,
        barcode: Patch::Empty,
        ..named("A")
    };
    let bare = Draft { options: vec![], compare_at_price: None, weight_g: 0, barcode: None, ..old };
    assert_eq!(after(emptied), bare);
}

#[test]
fn what_cannot_be_empty_is_not_emptied() {
    let null = ProductPatch {
        slug: Patch::Empty,
        name: Patch::Empty,
        status: Patch::Empty,
        variants: Patch::Empty,
        ..ProductPatch::default()
    };
    let refused = |patch| Change::read(patch, euro()).unwrap_err().0;
    let at: Vec<_> = refused(null).into_iter().map(|flaw| (flaw.pointer, flaw.code)).collect();
    assert_eq!(at, ["/slug", "/name", "/status", "/variants"].map(|at| (at.to_owned(), "required".to_owned())));
    let variants = Patch::Value(vec![VariantPatch { price: Patch::Empty, ..named("A") }]);
    assert_eq!(refused(ProductPatch { variants, ..ProductPatch::default() })[0].pointer, "/variants/0/price");
}

#[test]
fn a_new_variant_needs_a_price() {
    let before = of(vec![variant("A", "S").into()]).merge(vec![]).unwrap();
    let invalid = of(vec![named("A"), named("B")]).merge(before).unwrap_err();
    assert_eq!((&*invalid.0[0].pointer, &*invalid.0[0].code), ("/variants/1/price", "required"));
}

#[test]
fn twins_of_old_may_still_be_changed_in_what_tells_nothing_of_it() {
    let twins: Vec<_> =
        ["A", "B"].map(|sku| of(vec![variant(sku, "S").into()]).merge(vec![]).unwrap().remove(0)).into();
    let price = Patch::Value(Money::new(5, euro()));
    assert!(of(vec![VariantPatch { price, ..variant("A", "S").into() }]).merge(twins).is_ok());
}

#[test]
fn the_same_choices_in_another_order_are_a_twin() {
    let pair = |sku: &str, pairs: [(&str, &str); 2]| {
        let options = pairs.map(|(name, value)| OptionValue { name: name.into(), value: value.into() });
        VariantPatch::from(NewVariant { options: options.into(), ..variant(sku, "") })
    };
    let (s_red, red_s) = ([("Size", "S"), ("Colour", "Red")], [("Colour", " Red "), ("Size", "S\n")]);
    let code =
        |result: Result<_, Violations>| result.map(|_: Vec<Draft>| ()).map_err(|invalid| invalid.0[0].code.clone());
    let twin = Err("duplicate_options".to_owned());
    assert_eq!(code(of(vec![pair("A", s_red), pair("B", red_s)]).merge(vec![])), twin, "new ones");
    let before = of(vec![pair("A", s_red), pair("B", [("Size", "M"), ("Colour", "Red")])]).merge(vec![]).unwrap();
    assert_eq!(code(of(vec![pair("B", red_s)]).merge(before.clone())), twin, "one that becomes so");
    assert_eq!(code(of(vec![pair("C", red_s)]).merge(before.clone())), twin, "one that is added");
    for other in [[("Colour", "S"), ("Size", "Red")], [("Colour", "red"), ("Size", "S")]] {
        assert_eq!(code(of(vec![pair("C", other)]).merge(before.clone())), Ok(()), "{other:?}");
    }
    assert_eq!(code(of(vec![pair("A", red_s)]).merge(before)), Ok(()), "its own in another order");
}

#[test]
fn one_variant_is_on_sale_or_the_product_is_not() {
    let before = of(vec![variant("A", "S").into(), variant("B", "M").into()]).merge(vec![]).unwrap();
    let off = |sku: &str| VariantPatch { on_sale: Patch::Value(false), ..named(sku) };
    let one_off = of(vec![off("A")]).merge(before.clone()).unwrap();
    assert_eq!(one_off.iter().map(|draft| draft.on_sale).collect::<Vec<_>>(), [false, true]);
    let invalid = of(vec![off("B")]).merge(one_off.clone()).unwrap_err();
    assert_eq!((&*invalid.0[0].pointer, &*invalid.0[0].code), ("/variants/0/on_sale", "last_on_sale"));
    let on = VariantPatch { on_sale: Patch::Value(true), ..named("A") };
    assert!(of(vec![off("B"), on]).merge(one_off).is_ok(), "what counts is how they end up");
}
