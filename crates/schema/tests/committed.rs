//! What is made from the types and committed is what the types make now.

#![allow(missing_docs, clippy::expect_used)]

use std::fs;

/// To renew the page: `RENEW=1 cargo test -p logferry-schema`.
#[test]
fn the_page_of_events_is_that_of_the_types() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
    let page = logferry_schema::pages::events();
    if std::env::var_os("RENEW").is_some() {
        fs::write(path, &page).expect("the page");
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/events.md is stale; to renew it: RENEW=1 cargo test -p logferry-schema"
    );
}
