//! Tests of secrets, and of what is printed in their place.

use super::*;

#[test]
fn a_secret_has_no_flag() {
    let line = Case::new().flag("--auth-key=00").refusal();
    assert!(line.starts_with("unexpected argument '--auth-key' found"), "{line}");
}

#[test]
fn a_secret_is_read_from_its_file_without_the_last_newline() {
    let case = Case::new().file("key", " secret text \n").variable("PAGESTORE_AUTH__KEY_FILE", "key");
    assert_eq!(case.run().auth.key.unwrap().expose(), " secret text ");
    let case = Case::new().file("t", "one\r\n").flag("--token-file=t");
    assert_eq!(case.run().token.unwrap().expose(), "one");
}

#[test]
fn the_folder_of_credentials_is_filled_in() {
    for name in ["$CREDENTIALS_DIRECTORY/key", "${CREDENTIALS_DIRECTORY}/key"] {
        let case = Case::new().file("key", "k").file("pagestore.toml", &format!("[auth]\nkey_file = {name:?}"));
        let folder = case.path().to_str().unwrap().to_owned();
        let case = case.variable("CREDENTIALS_DIRECTORY", &folder);
        assert_eq!(case.run().auth.key.unwrap().expose(), "k");
    }
}

#[test]
fn a_secret_that_is_given_twice_in_one_layer_is_refused() {
    let case = Case::new().variable("PAGESTORE_AUTH__KEY", "a").variable("PAGESTORE_AUTH__KEY_FILE", "key");
    assert_eq!(
        case.refusal(),
        "auth.key in environment variable PAGESTORE_AUTH__KEY and auth.key_file in environment variable \
         PAGESTORE_AUTH__KEY_FILE are both set: only one of the two is allowed"
    );
}

#[test]
fn a_secret_of_a_stronger_layer_wins_over_a_file_of_a_weaker_one_and_the_other_way_round() {
    let case =
        Case::new().file("pagestore.toml", "[auth]\nkey_file = \"none\"").variable("PAGESTORE_AUTH__KEY", "strong");
    assert_eq!(case.run().auth.key.unwrap().expose(), "strong");
    let case = Case::new().file("pagestore.toml", "[auth]\nkey = \"weak\"").file("key", "strong");
    assert_eq!(case.variable("PAGESTORE_AUTH__KEY_FILE", "key").run().auth.key.unwrap().expose(), "strong");
}

#[test]
fn a_secret_whose_file_cannot_be_read_is_refused() {
    assert_eq!(
        Case::new().flag("--auth-key-file=none").refusal(),
        "cannot read none, named by auth.key_file in flag --auth-key-file: No such file or directory (os error 2)"
    );
}

#[test]
fn no_refusal_repeats_a_secret() {
    let line = Case::new().file("pagestore.toml", "token = 1234567").refusal();
    assert_eq!(line, "token in pagestore.toml is not allowed: it must be a token");
    let line = Case::new().variable("PAGESTORE_TOKEN", "").refusal();
    assert_eq!(line, "token in environment variable PAGESTORE_TOKEN is not allowed: it must be a token");
}

#[test]
fn what_the_service_refuses_is_told_with_its_place() {
    let case = Case::new().file("key", "x").variable("PAGESTORE_AUTH__KEY_FILE", "key");
    let surroundings = Surroundings {
        arguments: vec!["pagestore".into()],
        environment: case.environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        directory: case.path().to_owned(),
    };
    let error = load(&SPEC, &surroundings, |raw: Raw| raw.auth.build().map(|_| ())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "auth.key in environment variable PAGESTORE_AUTH__KEY_FILE: a key is 64 hex digits, this has 1 characters"
    );
    let error = load(&SPEC, &surroundings, |_: Raw| Err::<(), _>(Invalid::new("cache.path", "it is needed")));
    assert_eq!(error.unwrap_err().to_string(), "cache.path: it is needed");
}

#[test]
fn the_effective_configuration_is_a_file_with_the_same_meaning_and_no_secret() {
    let case = Case::new()
        .file("key", "hidden")
        .file("pagestore.toml", "token = \"hidden\"\n[auth]\nkey_file = \"key\"")
        .variable("PAGESTORE_PORT", "5")
        .flag("--check-config");
    let text = case.print();
    assert_eq!(
        text,
        "host = \"0.0.0.0\"\nmetastore = \"http://m\"\nport = 5\ntoken = \"[redacted]\"\n\n\
         [auth]\nkey_file = \"key\"\n\n[cache]\nspace_limit = \"1 GB\"\nsync = false\n\n\
         [log]\nformat = \"auto\"\nlevel = \"info\"\n"
    );
    let again = Case::bare().file("key", "hidden").file("pagestore.toml", &text).flag("--check-config");
    assert_eq!(again.print(), text);
}

#[test]
fn a_secret_prints_as_redacted() {
    let secret = Secret::new("hidden");
    assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "[redacted] [redacted] Some([redacted])");
}
