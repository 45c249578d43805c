//! Tests of pages, their indexes and their count.

use bytes::Bytes;

use super::{PAGE_SIZE, Page, PageCount, PageError, PageIndex};

#[test]
fn page_indexes_count_from_one() {
    assert_eq!(PageIndex::new(0), None);
    assert_eq!(PageIndex::try_from(0), Err(PageError::IndexZero));
    assert_eq!(PageIndex::try_from(1), Ok(PageIndex::FIRST));
    assert_eq!(PageIndex::try_from(u32::MAX).map(PageIndex::get), Ok(u32::MAX));
}

#[test]
fn a_volume_of_three_pages_has_pages_one_to_three() {
    let held = |count: PageCount| (1..=5).filter(|n| count.contains(PageIndex::new(*n).unwrap())).count();
    assert_eq!(held(PageCount::new(3)), 3);
    assert_eq!(held(PageCount::default()), 0);
    assert!(PageCount::new(3).contains(PageIndex::new(3).unwrap()));
    assert!(!PageCount::new(3).contains(PageIndex::new(4).unwrap()));
    assert!(PageCount::new(u32::MAX).contains(PageIndex::new(u32::MAX).unwrap()));
}

#[test]
fn a_page_has_exactly_4096_bytes() {
    for len in [0, 1, PAGE_SIZE - 1, PAGE_SIZE + 1, 2 * PAGE_SIZE] {
        assert_eq!(Page::try_from(Bytes::from(vec![1; len])), Err(PageError::Size { len }));
    }
    let bytes = Bytes::from(vec![7; 4096]);
    let page = Page::try_from(bytes.clone()).unwrap();
    assert_eq!(page.as_bytes(), &bytes);
    assert_eq!(page.into_bytes(), bytes);
}

#[test]
fn a_page_shares_its_bytes() {
    let bytes = Bytes::from(vec![7; PAGE_SIZE]);
    let page = Page::try_from(bytes.clone()).unwrap();
    assert_eq!(page.clone().into_bytes().as_ptr(), bytes.as_ptr());
}

#[test]
fn page_types_are_shown_as_their_numbers() {
    let (index, count) = (PageIndex::new(12).unwrap(), PageCount::new(34));
    assert_eq!(format!("{index} {index:?} {count} {count:?}"), "12 12 34 34");
    let page = Page::try_from(Bytes::from(vec![0xAB; PAGE_SIZE])).unwrap();
    assert_eq!(format!("{page:?}"), "Page([ab, ab, ab, ab, ab, ab, ab, ab]…)");
}
