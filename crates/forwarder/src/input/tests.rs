//! Laws of the input: what comes out of it, whatever state it is in and however it arrives.

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::framer::Framer;
use super::judge::{Invalid, Item, Judge, Visit};
use super::reader::Batch;

const MAX_BYTES: usize = 200;

/// What was found, as text.
#[derive(Debug, Default, PartialEq)]
struct Found {
    records: Vec<String>,
    invalid: Vec<String>,
}

impl Visit for Found {
    fn record(&mut self, item: Item<'_>) {
        self.records
            .push(format!("{}:{} {}", item.mark.line, item.mark.column, item.text));
    }

    fn invalid(&mut self, invalid: Invalid<'_>) {
        let text = String::from_utf8_lossy(invalid.text);
        let (at, cut) = (invalid.at, if invalid.truncated { "…" } else { "" });
        self.invalid
            .push(format!("{}:{}: {} | {text}{cut}", at.line, at.column, invalid.reason));
    }
}

/// Reads a text that arrives in pieces.
fn found(text: &[u8], pieces: &[usize]) -> Found {
    let judge = Judge {
        kind: None,
        max_bytes: MAX_BYTES,
    };
    let mut framer = Framer::new(MAX_BYTES);
    let mut found = Found::default();
    let mut buffer = Vec::new();
    let mut rest = text;
    let mut pieces = pieces.iter().copied().chain(std::iter::repeat(usize::MAX));
    loop {
        let (piece, left) = rest.split_at(pieces.next().unwrap_or(rest.len()).min(rest.len()));
        (rest, buffer) = (left, [buffer, piece.to_vec()].concat());
        loop {
            let mut batch = Batch::default();
            let consumed = framer.advance(&buffer, rest.is_empty(), &mut batch.frames);
            let left = buffer.split_off(consumed);
            batch.buffer = std::mem::replace(&mut buffer, left);
            if batch.frames.is_empty() {
                break;
            }
            judge.batch(&batch, &mut found);
        }
        if rest.is_empty() {
            return found;
        }
    }
}

fn whole(text: &str) -> Found {
    found(text.as_bytes(), &[])
}

fn record(id: u64) -> String {
    format!(r#"{{"id":{id},"pipeline_id":7,"x":[1,"}}"]}}"#)
}

fn ids(found: &Found) -> Vec<u64> {
    let id = |record: &String| {
        record
            .split("\"id\":")
            .nth(1)?
            .split([',', '\n'])
            .next()?
            .trim()
            .parse()
            .ok()
    };
    found.records.iter().filter_map(id).collect()
}

#[test]
fn every_form_that_files_have() {
    let (one, two) = (record(1), record(2));
    for text in [
        format!("{one}\n{two}\n"),
        format!("{one}\r\n\r\n{two}"),
        format!("\u{feff}{one}\n\u{feff}{two}"),
        format!("{one}{two} "),
        format!("[{one},{two}]"),
        format!("[\n  {one},\n  {two}\n]\n"),
        format!("[{one}, \n {two}]\n"),
        format!("[{one}]\n[{two}]"),
        format!("[[{one}],[[{two}]]]"),
        format!("{one},\n{two},\n"),
        format!("{one}\n[{two}]"),
        format!(
            r#"{{"success":true,"data":{{"success":true,"data":[{one},{two}],"pagination":{{"next_start_element_id":2}}}}}}"#
        ),
        format!(r#"{{"data":[{one}]}}{{"data":[{two}]}}"#),
        format!("[{{\"data\":[{one}]}},\n{{\"data\":[{two}]}}]"),
        format!(r#"{{"success":true,"data":{one}}} {two}"#),
        one.replace(',', ",\n  ") + "\n" + &two.replace('{', "{\n"),
    ] {
        let found = whole(&text);
        assert_eq!(ids(&found), [1, 2], "{text}");
        assert_eq!(found.invalid, [""; 0], "{text}");
    }
}

#[test]
fn a_broken_record_costs_only_itself() {
    let (one, two, three) = (record(1), record(2), record(3));
    for (text, invalid) in [
        // Cut off, wherever that is.
        (
            format!("{one}\n{{\"id\":9,\"na\n{two}\n{three}"),
            "2:12: expected the string to end, found the end of the line",
        ),
        (
            format!("{one}\n{{\"id\":9,\n{two}\n{three}"),
            "2:9: expected a key, found the end of the line",
        ),
        (
            format!("{one}\n{{\"id\":9,\"a\":\n{two}\n{three}"),
            "2:13: expected a value, found the end of the line",
        ),
        (
            format!("{one}\n{{\"id\":9,\"a\":[1,\n{two}\n{three}"),
            "2:16: expected a value, found the end of the line",
        ),
        (
            format!("{one}\n{{\"id\":9,\"a\":{{\"b\":1}}\n{two}\n{three}"),
            "2:20: expected `,` or `}`, found the end of the line",
        ),
        (
            format!("{one}\nplain text, and more\nof it\n{two}\n{three}"),
            "2:1: expected a value, found `p`",
        ),
        (
            format!("{one}\n{{\"id\":9 oops}}\n{two}\n{three}"),
            "2:9: expected `,` or `}`, found `o`",
        ),
        (
            format!("{one}\n42\n{two}\n{three}"),
            "2:1: expected an object, found a number",
        ),
        (
            format!("[\n{one},\n{{\"id\":9,,}},\n{two},\n{three}\n]"),
            "3:9: expected a key, found `,`",
        ),
        (
            format!("[\n  {one},\n  {{\n    \"id\": 9,\n    oops\n  }},\n  {two},\n  {three}\n]"),
            "5:5: expected a key, found `o`",
        ),
        (
            format!(
                "{{\"success\": true,\n \"data\": [\n  {one},\n  {{\"id\" 9}},\n  {two},\n  {three}\n ],\n \"pagination\": {{\n  \"next\": 1\n }}\n}}\n"
            ),
            "4:9: expected `:`, found `9`",
        ),
        (format!("[\n{one}\n{two},\n{three}]"), "3:1: expected `,` or `]`"),
        (
            format!("{one}\n{{\"id\":9,\"pad\":\"{}\"}}\n{two}\n{three}", "x".repeat(300)),
            "2:1: larger than 200 bytes",
        ),
        (
            format!("{one}\n{}{}\n{two}\n{three}", "{\"a\":".repeat(150), "}".repeat(150)),
            "2:1: larger than 200 bytes",
        ),
        (
            format!("[\n{one},\n{}\n{two},{three}]", "[".repeat(150)),
            "3:151: expected a value or `]`, found the end of the line",
        ),
        (
            format!("{one}\n\u{7f}\n{two}\n{three}"),
            "2:1: expected a value, found byte 0x7f",
        ),
    ] {
        let found = whole(&text);
        assert_eq!(ids(&found), [1, 2, 3], "{text}\n{found:?}");
        assert_eq!(found.invalid.len(), 1, "{text}\n{found:?}");
        assert!(found.invalid[0].contains(invalid), "{text}\n{found:?}");
    }
}

#[test]
fn many_broken_records_cost_only_themselves() {
    let open = "{\"id\":9,\"a\":\n";
    let found = whole(&format!("{}{}\n{}\n", open.repeat(5), record(1), record(2)));
    assert_eq!(ids(&found), [1, 2], "{found:?}");
    assert_eq!(found.invalid.len(), 5, "{found:?}");
}

#[test]
fn a_response_keeps_its_other_rows() {
    let (one, three) = (record(1), record(3));
    for text in [
        format!("{{\"data\":[{one},{{\"a\":\"?\"}},{three}]}}"),
        format!("{{\"data\":[{one},\n{{\"a\":\"?\"}},\n{three}]}}"),
        format!("{{\"data\":[{one},{three}],\"m\":\"?\"}}"),
    ] {
        let text = text.into_bytes();
        let text: Vec<u8> = text
            .into_iter()
            .map(|byte| if byte == b'?' { 0xff } else { byte })
            .collect();
        assert_eq!(ids(&found(&text, &[])), [1, 3], "{}", String::from_utf8_lossy(&text));
    }
    let key = format!(r#"{{"\ud800":1,"data":[{one},{three}]}}"#);
    assert_eq!(whole(&key).invalid.len(), 1);
}

#[test]
fn what_a_response_says_is_never_an_empty_page() {
    for (text, invalid) in [
        (
            r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"Too many requests. Please try again in 60 seconds."}"#,
            "the API answered with an error: RATE_LIMIT_EXCEEDED: Too many requests. Please try again in 60 seconds.",
        ),
        (
            r#"{"success":true,"data":{"success":false,"error":"X","data":[]}}"#,
            "the API answered with an error: X",
        ),
        (r#"{"success":true}"#, "an API response without rows"),
        (r#"{"success":true,"data":null}"#, "an API response without rows"),
        (r#"{"data":[1]}"#, "expected an object, found a number"),
    ] {
        let found = whole(text);
        assert_eq!(found.records, [""; 0], "{text}");
        assert!(
            found.invalid.len() == 1 && found.invalid[0].contains(invalid),
            "{text}\n{found:?}"
        );
    }
    assert_eq!(whole(r#"{"success":true,"data":[]}"#), Found::default());
}

#[test]
fn a_response_larger_than_a_record_is_read_row_by_row() {
    let rows: Vec<String> = (0..50).map(record).collect();
    let page = |rows: &str, end: &str| {
        format!(r#"{{"success":true,"data":{{"success":true,"data":[{rows}],"pagination":null}}{end}}}"#)
    };
    assert_eq!(ids(&whole(&page(&rows.join(","), ""))), Vec::from_iter(0..50));

    let found = whole(&page(&rows.join(","), r#","success":false"#));
    assert_eq!(ids(&found), Vec::from_iter(0..50));
    assert_eq!(found.invalid.len(), 1, "{found:?}");

    // Of a response that was cut off, the rows that are whole count.
    let cut = &page(&rows.join(",\n"), "")[..1000];
    let found = whole(cut);
    assert_eq!(found.records.len(), cut.matches("]}").count(), "{found:?}");
    assert_eq!(found.invalid.len(), 1, "{found:?}");
}

/// A piece of input: records in some form, with what damage does to them.
fn input() -> impl Strategy<Value = Vec<u8>> {
    let record = (0..100_u64, 0..4_u8).prop_map(|(id, form)| match form {
        0 => format!("{{\n  \"id\": {id},\n  \"pipeline_id\": 7\n}}"),
        1 => format!(r#"{{"event":"x","id":{id},"data":{{"a":"\u00e9\ud83d"}}}}"#),
        _ => record(id),
    });
    let form =
        (prop::collection::vec(record, 0..6), 0..6_u8, 0..20_usize).prop_map(|(records, form, many)| match form {
            0 => format!("[{}]\n", records.join(",")),
            1 => format!("[\n{}\n]\n", records.join(",\n")),
            2 => format!(
                r#"{{"success":true,"data":{{"data":[{}],"success":true}}}}"#,
                records.join(",")
            ),
            3 => format!(
                "{{\n \"success\": true,\n \"data\": [\n  {}\n ],\n \"x\": 1\n}}\n",
                records.join(",\n  ")
            ),
            4 => format!("{}{}\n", "[".repeat(many * 10), records.join("\n")),
            _ => records.join("\n") + "\n",
        });
    let damage = (
        any::<Index>(),
        select(vec![0_usize, 1, 7]),
        select(vec![
            &b""[..],
            b"{",
            b"}",
            b"]",
            b"[",
            b"\"",
            b",",
            b"\n",
            b"\\",
            b"\xff",
            b"oops",
            b"{\"a\":",
        ]),
    );
    (prop::collection::vec(form, 1..4), prop::collection::vec(damage, 0..4)).prop_map(|(forms, damages)| {
        let mut text = forms.concat().into_bytes();
        for (index, removed, inserted) in damages {
            let start = index.index(text.len() + 1);
            let range: Range<usize> = start..(start + removed).min(text.len());
            text.splice(range, inserted.iter().copied());
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(4096)))]

    /// What comes out does not depend on how the bytes arrive.
    #[test]
    fn pieces_do_not_matter(text in input(), pieces in prop::collection::vec(1..40_usize, 0..60)) {
        prop_assert_eq!(found(&text, &pieces), found(&text, &[]));
        prop_assert_eq!(found(&text, &vec![1; text.len()]), found(&text, &[]));
    }

    /// A line of anything between lines that are records costs none of them.
    #[test]
    fn neighbours_of_a_broken_line_survive(
        line in prop_oneof![
            "[^\n\\[{]{0,40}".prop_map(String::into_bytes),
            any::<Index>().prop_map(|index| {
                let record = record(9).into_bytes();
                let end = index.index(record.len());
                record[..end].to_vec()
            }),
            prop::collection::vec(any::<u8>().prop_filter("one line", |byte| !b"\n[{".contains(byte)), 0..40),
        ],
        pieces in prop::collection::vec(1..40_usize, 0..30),
    ) {
        let text = [record(1).as_bytes(), b"\n", &line, b"\n", record(2).as_bytes(), b"\n", record(3).as_bytes()].concat();
        let found = found(&text, &pieces);
        prop_assert_eq!(ids(&found), [1, 2, 3], "{:?}", found);
        let nothing = line.iter().all(|byte| b"\xef\xbb\xbf, \t\r".contains(byte));
        prop_assert!(nothing || found.invalid.len() == 1, "{:?}", found);
    }

    /// No bytes make it panic or go on for ever.
    #[test]
    fn no_bytes_are_too_strange(text in prop::collection::vec(any::<u8>(), 0..200)) {
        found(&text, &[3, 5]);
    }
}
