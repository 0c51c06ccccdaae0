//! What is an address, and what is the same one.
use super::*;

fn refused(given: &str) -> String {
    given.parse::<EmailAddress>().expect_err(given).code
}

fn kept(given: &str) -> String {
    given.parse::<EmailAddress>().unwrap_or_else(|flaw| panic!("{given}: {flaw}")).into()
}

#[test]
fn an_address_is_one_that_mail_can_be_sent_to() {
    for good in ["ada@example.com", "Ada.Lovelace+shop@example.co.uk", "a@b.co", "o'hara_{x}|~@a-1.example", "1@2.de"] {
        assert_eq!(kept(good), good);
    }
    for (given, address) in [
        (" Ada@EXAMPLE.Com ", "Ada@example.com"),
        ("ada@b\u{fc}cher.de", "ada@xn--bcher-kva.de"),
        ("ada@B\u{dc}CHER.DE", "ada@xn--bcher-kva.de"),
        ("ada@bu\u{308}cher.de", "ada@xn--bcher-kva.de"),
        ("ada@XN--BCHER-KVA.de", "ada@xn--bcher-kva.de"),
        // A sharp s is a letter of its own (IDNA 2008), and not two of another.
        ("ada@stra\u{df}e.de", "ada@xn--strae-oqa.de"),
        ("ada@\u{4f8b}\u{3048}.\u{30c6}\u{30b9}\u{30c8}", "ada@xn--r8jz45g.xn--zckzah"),
        // Full stops and letters as East Asian keyboards give them, and what copying leaves between letters.
        ("ada@\u{ff45}\u{ff58}ample\u{3002}com", "ada@example.com"),
        ("ada@exam\u{ad}ple.\u{200b}com", "ada@example.com"),
        ("ada@r3---sn.example.com", "ada@r3---sn.example.com"),
    ] {
        assert_eq!(kept(given), address);
        assert_eq!(kept(address), address, "what is kept stays as it is");
    }
}

#[test]
fn what_no_mail_can_reach_is_refused() {
    for bad in [
        "ada",
        "ada@",
        "@example.com",
        "@",
        "ada@localhost",
        "a@b",
        "a@b.c",
        "Ada <ada@example.com>",
        "<ada@example.com>",
        "ada@example.com>",
        "mailto:ada@example.com",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "ada@[IPv6:::1]",
        "ada@::1",
        "ada@0x7f.1",
        "\"ada\"@example.com",
        "\"ada lovelace\"@example.com",
        "\"a@b\"@example.com",
        "a b@example.com",
        "ada@exam ple.com",
        "ada@ example.com",
        "ada(comment)@example.com",
        "ada@example.com(comment)",
        "ada@b.example,eve@example.com",
        "ada@example.com;eve@example.com",
        "ada@example.com,eve",
        "ada@eve@example.com",
        ".ada@example.com",
        "ada.@example.com",
        "a..da@example.com",
        "ada@example..com",
        "ada@.example.com",
        "ada@example.com.",
        "ada@example.com\u{3002}",
        "ada@-example.com",
        "ada@example-.com",
        "ada@exa_mple.com",
        "ada@example.c0m",
        "ada@example.123",
        "ada@xn--.com",
        "ada@xn--a.com",
        "ada@xn--\u{fc}.com",
        "ada@xn--bcher-kvaa99999999.com",
        // An A-label of what maps to something else: of a capital letter, of plain ASCII.
        "ada@xn--BCHER-6JA.de",
        "ada@xn--example-.com",
        "ada@\u{200d}a.com",
        "ada@a\u{202e}b.com",
        "ada@%65xample.com",
    ] {
        assert_eq!(refused(bad), "not_an_email", "{bad}");
    }
    for local in ["j\u{fc}rgen", "\u{430}da", "ada\u{200b}", "ada\u{a0}b", "\u{ff41}da", "\u{131}", "ada\u{ff20}b"] {
        assert_eq!(refused(&format!("{local}@example.com")), "email_not_ascii", "{local}");
    }
    for line in
        ["ada@example.com\nBcc: eve@example.com", "ada\r\n@example.com", "ada\0@example.com", "a\tb@example.com"]
    {
        assert_eq!(refused(line), "control_character", "{line:?}");
    }
    assert_eq!((&*refused(""), &*refused(" \n")), ("required", "required"));
}

#[test]
fn no_address_is_longer_than_a_server_takes() {
    let local = |n| format!("{}@example.com", "a".repeat(n));
    assert_eq!(kept(&local(64)).len(), 76);
    assert_eq!(refused(&local(65)), "too_long");
    let label = "b".repeat(63);
    let whole = |n| format!("{}@{label}.{label}.{label}.com", "a".repeat(n));
    assert_eq!(kept(&whole(58)).len(), 254);
    assert_eq!(refused(&whole(59)), "too_long");
    assert_eq!(refused(&format!("ada@{label}b.com")), "not_an_email");
    // Short enough as it is typed, and too long as it is sent.
    let label = "\u{4f8b}\u{3048}\u{5b57}\u{6587}\u{8a9e}\u{fc}".repeat(2);
    let wide = format!("{}@{}.de", "a".repeat(60), vec![label; 5].join("."));
    assert!(wide.chars().count() < 254);
    assert_eq!(refused(&wide), "too_long");
    assert_eq!(refused(&format!("ada@{}.de", "\u{4f8b}".repeat(70))), "not_an_email");
    assert_eq!(refused(&"a".repeat(1 << 20)), "too_long");
}

#[test]
fn one_address_has_one_key_however_it_is_spelled() {
    let key = |given: &str| given.parse::<EmailAddress>().unwrap().key();
    assert_eq!(key("Ada@Example.COM"), "ada@example.com");
    for spelled in ["Ada@B\u{fc}cher.de", "ada@xn--bcher-kva.de", "ADA@bu\u{308}cher.DE"] {
        assert_eq!(key(spelled), "ada@b\u{fc}cher.de");
    }
    assert_ne!(key("ada+shop@example.com"), key("ada@example.com"));
    assert_ne!(key("ada@ex\u{430}mple.com"), key("ada@example.com"), "letters that only look alike");
    assert_ne!(key("ada@stra\u{df}e.de"), key("ada@strasse.de"));
}

#[test]
fn what_the_release_before_kept_is_among_the_keys() {
    // As release 0.1.0 made its keys.
    let before = |given: &str| given.trim().to_lowercase();
    for then in ["Ada@Example.com", "ada@B\u{dc}CHER.de", "ada@xn--bcher-kva.de", "J\u{fc}rgen@example.de", "a@b"] {
        assert!(EmailAddress::keys(then).contains(&before(then)), "{then}");
    }
    for now in ["ada@b\u{fc}cher.de", "ada@B\u{fc}cher.de", "ada@xn--bcher-kva.de"] {
        for then in ["ada@b\u{fc}cher.de", "ada@xn--bcher-kva.de"] {
            assert!(EmailAddress::keys(now).contains(&before(then)), "{now} {then}");
        }
    }
    assert_eq!(EmailAddress::keys("Ada@Example.com"), ["ada@example.com"]);
}
