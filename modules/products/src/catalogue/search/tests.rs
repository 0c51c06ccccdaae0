use proptest::prelude::*;

use super::*;
use crate::OptionValue;

pub(super) fn found(name: &str, description: &str) -> Found {
    let details = Details { name: name.into(), description: description.into(), ..Details::empty("a".into()) };
    Found::of(&details, &[])
}

/// As the database would look.
pub(super) fn finds(q: &str, found: &Found) -> bool {
    let has = |pattern: &str, text: &str| text.contains(pattern.trim_matches('%'));
    asked(q).is_none_or(|words| {
        let one = |[part, begin, english, german]: &Patterns| {
            has(part, &found.words) || [begin, english, german].iter().any(|pattern| has(pattern, &found.prose))
        };
        !words.is_empty() && words.iter().all(one)
    })
}

#[test]
fn a_product_is_found_however_its_name_is_written() {
    for (name, good, bad) in [
        ("Käse", &["kase", "käse", "KÄSE", "ka\u{308}se", "kaese", "as"][..], &["kas-e-x", "kaesse"][..]),
        (
            "Olive Oil",
            &["olive,", "(olive)", "\"olive oil\"", "“olive”", "olive...", "oil/olive", "*olive*", "olive ★"],
            &["olive vinegar"],
        ),
        ("Linen Tea Towel", &["tea-towel", "tea_towel", "towels", "TEA"], &["teatowel"]),
        ("T-Shirt", &["t-shirt", "tshirt", "t shirts", "T‑Shirt", "shirt"], &["skirt"]),
        ("茶", &["茶", "cha"], &["CHAlkos", "茶叶", "酒"]),
        ("CHAlkos", &["cha", "chá", "ＣＨＡ"], &["茶", "𒀀", "\u{200b}"]),
        ("绿茶很好", &["茶", "绿茶"], &["红茶"]),
        ("東京タワー", &["東京", "タワー", "dong jing", "dongjing"], &["京東"]),
        ("Ελαιόλαδο", &["ελαιολαδο", "ΕΛΑΙΌΛΑΔΟ", "elaiolado", "λάδο"], &["ελιά"]),
        ("Ο ΔΡΌΜΟΣ", &["δρομος", "δρόμοσ"], &[]),
        ("Maß", &["mass", "MASS", "maß", "MAẞ"], &["mast"]),
        ("İzmir ısı", &["izmir", "İZMİR", "isi", "ISI"], &[]),
        ("Ёлка", &["елка", "ёлка", "ЕЛКА"], &["ель"]),
        ("हिन्दी चाय", &["हिन्दी", "चाय"], &["हिंद चा"]),
        ("كتاب", &["كتاب", "\u{202b}كتاب\u{202c}"], &["باتك"]),
        ("שמן זית", &["זית", "שמן"], &["יין"]),
        ("می\u{200c}خواهم", &["می\u{200c}خواهم", "میخواهم"], &[]),
        ("☆ Star 🍵", &["☆", "🍵", "star ✓", "🍵\u{fe0f}"], &["★", "🍶"]),
        ("𒀀", &["𒀀"], &["𒀁", "a\u{200b}b"]),
        ("½ l", &["½", "1/2", "1 2"], &[]),
        ("100% cotton", &["100%", "100 %", "cotton,100"], &["%", "_", "100x"]),
        ("Olives", &["olive", "olives", "OLIVES!"], &["olivers"]),
        ("Olive", &["olives"], &["olivess"]),
        ("Gläser", &["glas", "gläser", "glaser", "glaeser"], &["gras"]),
        ("Glas", &["Gläser"], &["Gräser"]),
        ("Teetasse", &["teetassen", "tasse", "tee"], &["kanne"]),
        ("Olivenöl", &["öl", "ol", "oel", "olivenol"], &["essig"]),
        ("Berry jam", &["berries", "jams"], &["bears"]),
    ] {
        let found = found(name, "");
        for q in good {
            assert!(finds(q, &found), "{q:?} finds {name}: {found:?} {:?}", asked(q));
        }
        for q in bad {
            assert!(!finds(q, &found), "{q:?} does not find {name}: {found:?} {:?}", asked(q));
        }
    }
}

#[test]
fn what_is_blank_asks_for_everything_and_what_says_nothing_for_nothing() {
    for q in ["", " ", "\t\n", "\u{a0}", "\u{3000}"] {
        assert_eq!(asked(q), None, "{q:?}");
    }
    for q in [
        "%", "_", "!", "''", "\\", "—", "\u{200b}", "\u{200d}", "\u{feff}", "\u{301}", "\u{115f}", "、。", "\u{ad}",
        "\u{fe0f}",
    ] {
        assert_eq!(asked(q), Some(vec![]), "{q:?}");
    }
}

#[test]
fn a_description_is_looked_through_without_its_tags() {
    let html = "<p title=\"hidden > x\">Cured with <b>s</b>alt &amp; oil.</p><ul><li>raw</li><li>green</li></ul>\
                <p>Instead of vinegar&nbsp;use 茶叶茶.</p>";
    let found = found("Jar", html);
    for q in ["salt", "cured oils", "raw", "green vinegar", "use", "叶", "jars"] {
        assert!(finds(q, &found), "{q}: {found:?}");
    }
    for q in ["strong", "li", "hidden", "title", "rawgreen", "nbsp", "amp", "tea", "ed"] {
        assert!(!finds(q, &found), "{q}: {found:?}");
    }
}

#[test]
fn a_variant_is_found_by_its_sku_its_choice_and_its_bar_code() {
    let draft = Draft {
        sku: "OIL-KOR-1L".parse().unwrap(),
        options: vec![OptionValue { name: "Size".into(), value: "5 L tin".into() }],
        price: 1,
        compare_at_price: None,
        weight_g: 0,
        barcode: Some("5207001000021".into()),
        stock_policy: crate::StockPolicy::Deny,
        taxable: true,
        on_sale: true,
    };
    let found = Found::of(&Details::empty("a".into()), &[draft]);
    for q in ["OIL-KOR-1L", "oil-kor-1l", "OIL-KOR", "OIL-K", "oilkor1l", "KOR", "tin", "5207001000021", "520700"] {
        assert!(finds(q, &found), "{q}: {found:?}");
    }
    for q in ["OIL-KOR-5L", "size", "OIL-KOR-L1", "1000021"] {
        assert!(!finds(q, &found), "{q}: {found:?}");
    }
}

#[test]
fn what_is_stored_and_asked_has_bounds() {
    let many = (0..20_000).map(|n| format!("w{n}")).collect::<Vec<_>>().join(" ");
    let found = found("x", &many);
    assert!(found.prose.split(' ').count() < DESCRIPTION + 10, "{}", found.prose.len());
    assert_eq!(asked(&many).unwrap().len(), WORDS);
    assert_eq!(asked("tea tea TEA teA").unwrap().len(), 1);
}

proptest! {
    #[test]
    fn whatever_is_written_is_found_by_what_is_written(name in "\\PC{1,60}") {
        if asked(&name).is_some_and(|words| !words.is_empty()) {
            prop_assert!(finds(&name, &found(&name, "")), "{:?} {:?}", found(&name, ""), asked(&name));
        }
    }

    #[test]
    fn no_pattern_has_a_sign_of_like(q in any::<String>()) {
        for pattern in asked(&q).into_iter().flatten().flatten() {
            prop_assert!(!pattern.trim_matches('%').contains(['%', '_', '\\']), "{pattern}");
        }
    }

    #[test]
    fn any_html_has_a_text(html in "[<>a-z\"/ &;é]{0,60}") {
        text(&html);
        text(&ammonia::clean(&html));
    }
}
