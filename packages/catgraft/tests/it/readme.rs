//! The README's settings tables are what the services take.

use std::{fs, path::Path};

use crate::support::Ran;

#[test]
fn the_readme_has_every_setting_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for service in ["metastore", "pagestore"] {
        let begin = format!("<!-- settings: {service} -->\n");
        let (_, rest) = readme.split_once(&begin).expect("the README has the table's place");
        let (table, _) = rest.split_once("<!-- end -->").expect("the table's place has an end");
        let printed = Ran::new(&root, &["settings", service]).ok();
        assert_eq!(table.trim(), printed.trim(), "`catgraft settings {service}` prints what belongs there");
    }
}
