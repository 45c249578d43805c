//! Tests of the tokens.

use super::*;

/// Key and token of Graft's own tool, from its protocol's test vectors. The key is public by standing here: never use it.
const VECTOR_KEY: &str = "053d7dae41ed67f49c0a328c01c1feb4b409b6d1872484966a5ed6c3e6905aa9";
const VECTOR_TOKEN: &str = "v4.local.SU8pQDh_7k7246MI8mklGFAtTopNcYu2mxPWTVzaDuanxEBbEBxA8Vj2bv8KccTkgeuS4J86BxABk4EnhnnGwXUB2h4IEJRCn0PJCYeX0ZVNxJ1qzqmRJ2bpAMJF9TICGKdYrWT8vIrqEPCx0tSc6R57rmTcJHEPbKGed6l5UAXXnyDQA9TagpTK0mbhVHVFijqY7zZ7Ow-AUnZz29ejuxEdv__B";
/// 2026-11-20T23:19:11Z, the second in which the vector was issued.
const VECTOR_SECOND_MS: u64 = 1_795_216_751_000;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn key() -> TokenKey {
    TokenKey::from_hex(&Secret::new(VECTOR_KEY)).unwrap()
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A token with any payload.
fn sealed(payload: &str) -> String {
    LocalToken::encrypt(&key().key, payload.as_bytes(), None, None).unwrap()
}

#[test]
fn a_token_of_grafts_own_tool_is_valid_from_its_second_on_for_ever() {
    let key = key();
    let claims = key.validate(VECTOR_TOKEN, at(VECTOR_SECOND_MS + 1000)).unwrap();
    assert_eq!(*claims, Claims { subject: "catgraft-vector".into(), role: None });
    assert!(key.validate(VECTOR_TOKEN, at(10 * VECTOR_SECOND_MS)).is_ok());
    assert_eq!(key.validate(VECTOR_TOKEN, at(VECTOR_SECOND_MS - 1)), Err(TokenError::NotYetValid));
}

#[test]
fn an_issued_token_says_who_and_what() {
    let key = key();
    let claims = key.validate(&key.issue("pages", Some(Role::Pagestore), None, NOW), NOW).unwrap();
    assert_eq!(*claims, Claims { subject: "pages".into(), role: Some(Role::Pagestore) });
    let claims = key.validate(&key.issue("alice", None, None, NOW), NOW).unwrap();
    assert_eq!(*claims, Claims { subject: "alice".into(), role: None });
}

#[test]
fn a_token_expires_at_its_moment_even_when_it_is_remembered() {
    let key = key();
    let token = key.issue("alice", None, Some(Duration::from_secs(60)), NOW);
    let last = at(NOW.as_millis() + 59_999);
    let end = at(NOW.as_millis() + 60_000);
    assert!(key.validate(&token, last).is_ok());
    assert_eq!(key.validate(&token, end), Err(TokenError::Expired));
    assert_eq!(self::key().validate(&token, end), Err(TokenError::Expired));
    assert_eq!(key.validate(&token, at(NOW.as_millis() - 1)), Err(TokenError::NotYetValid));
}

#[test]
fn a_token_of_another_key_is_refused() {
    let other = TokenKey::from_hex(&generate_key()).unwrap();
    assert_eq!(other.validate(VECTOR_TOKEN, NOW), Err(TokenError::WrongKey));
}

#[test]
fn a_token_with_any_character_changed_is_refused() {
    let key = key();
    for place in 0..VECTOR_TOKEN.len() {
        let mut changed = VECTOR_TOKEN.as_bytes().to_vec();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let outcome = key.validate(&changed, NOW);
        assert!(matches!(outcome, Err(TokenError::Malformed | TokenError::WrongKey)), "{place}: {outcome:?}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let key = key();
    let long = format!("v4.local.{}", "A".repeat(TOKEN_BYTES_MAX));
    for text in ["", "x", "v4.local.", "v4.local.AAAA", "v4.public.AAAA", "v2.local.AAAA", "ünï", long.as_str()] {
        assert_eq!(key.validate(text, NOW), Err(TokenError::Malformed), "{text:?}");
    }
}

#[test]
fn other_versions_and_purposes_are_refused_whatever_they_hold() {
    let key = key();
    let payload = VECTOR_TOKEN.strip_prefix("v4.local.").unwrap();
    for header in [
        "v4.public",
        "v3.local",
        "v3.public",
        "v2.local",
        "v2.public",
        "v1.local",
        "v1.public",
        "v5.local",
        "V4.local",
        "v4.LOCAL",
        "v4",
        "v4.local.v4.local",
        "",
        " v4.local",
        "v4 .local",
    ] {
        let token = format!("{header}.{payload}");
        assert_eq!(key.validate(&token, NOW), Err(TokenError::Malformed), "{header}");
    }
    for token in [payload.to_owned(), format!("{VECTOR_TOKEN}="), format!("{VECTOR_TOKEN}\n"), VECTOR_TOKEN.repeat(2)] {
        assert!(key.validate(&token, NOW).is_err(), "{token}");
    }
}

#[test]
fn a_footer_is_part_of_what_the_key_vouches_for() {
    let key = key();
    let payload = r#"{"sub":"a","iat":"2020-01-01T00:00:00Z","nbf":"2020-01-01T00:00:00Z"}"#;
    let with_footer = |footer: &[u8]| LocalToken::encrypt(&key.key, payload.as_bytes(), Some(footer), None).unwrap();
    let good = with_footer(br#"{"kid":"1"}"#);
    assert_eq!(key.validate(&good, NOW).unwrap().subject, "a");
    // Removed, changed, put where there was none, twice, empty, with a part behind it.
    let (body, footer) = good.rsplit_once('.').unwrap();
    let (plain, other) = (sealed(payload), with_footer(b"other"));
    let other_footer = other.rsplit_once('.').unwrap().1;
    for token in [
        body.to_owned(),
        format!("{body}.{other_footer}"),
        format!("{plain}.{footer}"),
        format!("{good}.{footer}"),
        format!("{plain}."),
        format!("{body}."),
        format!("{body}..{footer}"),
    ] {
        let outcome = key.validate(&token, NOW);
        assert!(matches!(outcome, Err(TokenError::Malformed | TokenError::WrongKey)), "{token}: {outcome:?}");
    }
    // One that is no text is as good as any; one that is too large is not looked at.
    assert!(key.validate(&with_footer(&[0xff, 0xfe, 0x00]), NOW).is_ok());
    assert_eq!(key.validate(&with_footer(&[b'x'; 8000]), NOW), Err(TokenError::Malformed));
}

#[test]
fn a_remembered_token_is_found_by_all_of_its_bytes() {
    let key = key();
    let token = key.issue("alice", None, None, NOW);
    assert!(key.validate(&token, NOW).is_ok());
    assert!(is_same(&token, &token.clone()));
    for place in [0, token.len() / 2, token.len() - 1] {
        let mut changed = token.clone().into_bytes();
        changed[place] ^= 1;
        assert!(!is_same(&token, &String::from_utf8(changed).unwrap()));
    }
    assert!(!is_same(&token, &token[..token.len() - 1]));
    // Two tokens whose hashes are the same are still two.
    let hash = key.hasher.hash_one("v4.local.other");
    let opened = key.open(&token).unwrap();
    key.opened.write().insert(hash, opened);
    assert_eq!(key.validate("v4.local.other", NOW), Err(TokenError::Malformed));
}

#[test]
fn claims_that_are_missing_or_broken_are_refused() {
    let good = r#"{"sub":"a","iat":"2020-01-01T00:00:00Z","nbf":"2020-01-01T00:00:00.000000001+01:00"}"#;
    assert_eq!(key().validate(&sealed(good), NOW).unwrap().subject, "a");
    for payload in [
        r#"{"iat":"2020-01-01T00:00:00Z","nbf":"2020-01-01T00:00:00Z"}"#,
        r#"{"sub":"a","nbf":"2020-01-01T00:00:00Z"}"#,
        r#"{"sub":"a","iat":"2020-01-01T00:00:00Z"}"#,
        r#"{"sub":"a","iat":"2020-01-01T00:00:00Z","nbf":"yesterday"}"#,
        r#"{"sub":"a","iat":"2020-01-01T00:00:00Z","nbf":"2020-01-01T00:00:00Z","exp":"never"}"#,
        r#"{"sub":"a","iat":"2020-01-01T00:00:00Z","nbf":"2020-01-01T00:00:00Z","role":"king"}"#,
        r#"{"sub":7,"iat":"2020-01-01T00:00:00Z","nbf":"2020-01-01T00:00:00Z"}"#,
        "not json",
    ] {
        assert_eq!(key().validate(&sealed(payload), NOW), Err(TokenError::Claims), "{payload}");
    }
}

#[test]
fn only_64_hex_digits_are_a_key() {
    let refusal = |text: &str| TokenKey::from_hex(&Secret::new(text)).unwrap_err();
    assert_eq!(refusal(""), KeyError::Length(0));
    assert_eq!(refusal(&VECTOR_KEY[1..]), KeyError::Length(63));
    assert_eq!(refusal(&VECTOR_KEY.replace('0', "g")), KeyError::Digits);
    assert_eq!(refusal(&"ü".repeat(64)), KeyError::Digits);
}

#[test]
fn generated_keys_are_keys_and_differ() {
    let (one, two) = (generate_key(), generate_key());
    assert!(TokenKey::from_hex(&one).is_ok());
    assert_ne!(one.expose(), two.expose());
}

#[test]
fn remembered_tokens_are_bounded() {
    let key = key();
    for client in 0..CACHE_LEN_MAX + 10 {
        assert!(key.validate(&key.issue(&client.to_string(), None, None, NOW), NOW).is_ok());
    }
    assert!(key.opened.read().len() <= CACHE_LEN_MAX);
}

#[test]
fn a_refused_token_is_not_remembered() {
    let key = key();
    assert!(key.validate("v4.local.AAAA", NOW).is_err());
    assert!(key.opened.read().is_empty());
}

proptest::proptest! {
    #[test]
    fn any_text_is_refused_and_survived(text in "(v4\\.local\\.)?[A-Za-z0-9_.-]{0,200}|\\PC{0,40}") {
        proptest::prop_assert!(key().validate(&text, NOW).is_err());
    }
}
