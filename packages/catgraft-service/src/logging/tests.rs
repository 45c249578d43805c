//! Tests of what can be decided about logging without a journal.

use super::*;

#[test]
fn levels_and_directives_are_levels_and_other_texts_are_not() {
    for text in ["info", "DEBUG", "off", "info,metastore::catalog=debug", "warn,[request{volume_id}]=trace"] {
        assert_eq!(text.parse::<LogLevel>().unwrap().to_string(), text);
    }
    for text in ["", " ", "debgu", "info,metastore", "a=b=c", "info,metastore=loud"] {
        assert!(text.parse::<LogLevel>().is_err(), "{text}");
    }
}

#[test]
fn the_four_formats_are_formats() {
    let formats = ["auto", "console", "json", "journald"].map(|text| text.parse());
    assert_eq!(formats, [Ok(LogFormat::Auto), Ok(LogFormat::Console), Ok(LogFormat::Json), Ok(LogFormat::Journald)]);
    assert_eq!("xml".parse::<LogFormat>(), Err(UnknownFormat));
}

#[test]
fn the_journal_stream_is_ours_only_with_our_device_and_inode() {
    assert!(names_stream("9:1234", 9, 1234));
    for stream in ["9:1235", "8:1234", "9", "", "9:", ":1234", "x:y"] {
        assert!(!names_stream(stream, 9, 1234), "{stream}");
    }
}

#[test]
fn what_libraries_may_say_is_a_filter_that_the_user_can_overrule() {
    let filter = EnvFilter::builder().parse(format!("{QUIET},debug,sqlx=trace")).unwrap().to_string();
    assert!(filter.contains("sqlx=trace") && !filter.contains("sqlx=warn"), "{filter}");
    assert!(filter.contains("hyper=warn"), "{filter}");
}
