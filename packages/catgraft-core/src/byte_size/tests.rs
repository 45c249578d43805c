//! Tests of byte sizes.

use super::ByteSize;

fn size(text: &str) -> Option<u64> {
    text.parse().ok().map(ByteSize::as_bytes)
}

#[test]
fn sizes_are_read_as_people_write_them() {
    let cases = [
        ("0", 0),
        ("4096", 4096),
        (" 12 B ", 12),
        ("1 MB", 1_000_000),
        ("1MB", 1_000_000),
        ("1 mb", 1_000_000),
        ("512 KiB", 512 << 10),
        ("2 GiB", 2 << 30),
        ("3 GB", 3_000_000_000),
        ("4 KB", 4000),
        ("5 TB", 5_000_000_000_000),
        ("6 TiB", 6 << 40),
        ("7 MiB", 7 << 20),
        ("1_000", 1000),
        ("1.5 GB", 1_500_000_000),
        ("0.5 KiB", 512),
        ("2.000 B", 2),
        ("18446744073709551615", u64::MAX),
    ];
    for (text, bytes) in cases {
        assert_eq!(size(text), Some(bytes), "{text}");
    }
}

#[test]
fn other_text_is_refused() {
    let cases = [
        "",
        "MB",
        "-1",
        "+1",
        "1 XB",
        "1 M B",
        "1,5 GB",
        ".5 GB",
        "1. GB",
        "1.2.3 GB",
        "0.5",
        "1.1 KiB",
        "_",
        "1e3",
        "18446744073709551616",
        "17000000 TiB",
        "18446744073709551615.9 KB",
        "0.00000000000000000000000000000000000000001 TB",
        "٣ MB",
    ];
    for text in cases {
        assert_eq!(size(text), None, "{text}");
    }
}

#[test]
fn an_error_shows_the_text_shortened() {
    let error = "x".repeat(1000).parse::<ByteSize>().unwrap_err().to_string();
    assert!(error.starts_with("\"xxxx") && error.len() < 200, "{error}");
}

#[test]
fn sizes_are_shown_in_the_unit_that_fits() {
    let cases = [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1 << 10, "1 KiB"),
        (1_000_000, "1 MB"),
        (1_500_000, "1500 KB"),
        (64 << 20, "64 MiB"),
        (3 << 29, "1536 MiB"),
        (5_000_000_000_000, "5 TB"),
        (1 << 40, "1 TiB"),
        (1025, "1.0 KiB"),
        ((1 << 20) - 1, "1023.9 KiB"),
        (u64::MAX, "16777215.9 TiB"),
    ];
    for (bytes, text) in cases {
        assert_eq!(ByteSize::from_bytes(bytes).to_string(), text);
    }
    assert_eq!(ByteSize::from_mib(3), ByteSize::from_bytes(3 << 20));
}

#[test]
fn shown_in_a_whole_unit_a_size_reads_back() {
    for bytes in [0, 1, 999, 1000, 4096, 5000, 1 << 20, 123_000, 77 << 30, 9_000_000_000_000] {
        assert_eq!(size(&ByteSize::from_bytes(bytes).to_string()), Some(bytes));
    }
}
