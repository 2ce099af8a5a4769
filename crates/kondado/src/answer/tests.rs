use super::*;

const TOKEN: &str = "0a1b2c3d4e5f";

fn said(head: Head<'_>, body: &str) -> String {
    let secrets = Secrets::new("d538b946-9d55", TOKEN);
    match classify(&head, body, &secrets) {
        Ok(page) => {
            let rows: Vec<&str> = page.rows.iter().map(|row| row.get()).collect();
            format!("page [{}] {:?}", rows.join(" "), page.next)
        }
        Err(failure) => {
            let shown = format!("{failure}\n{failure:?}");
            assert!(!shown.contains(TOKEN), "{shown}");
            match failure {
                Failure::Throttled { wait, named } => format!("throttled {} {named}", wait.as_secs()),
                Failure::Transient { reason, after: None } => format!("transient {reason}"),
                Failure::Transient {
                    reason,
                    after: Some(after),
                } => format!("transient after {}: {reason}", after.as_secs()),
                Failure::Refused { reason } => format!("refused {reason}"),
                Failure::Fatal { reason } => format!("fatal {reason}"),
                Failure::BadRequest { reason } => format!("bad request {reason}"),
                Failure::Protocol { reason } => format!("protocol {reason}"),
            }
        }
    }
}

fn ok(body: &str) -> String {
    said(
        Head {
            status: 200,
            ..Head::default()
        },
        body,
    )
}

#[test]
fn pages() {
    for (body, expected) in [
        (
            r#"{"success":true,"data":{"success":true,"data":[{"id":1}, 2, "x", null],"pagination":{"next_start_element_id":"7"}}}"#,
            r#"page [{"id":1} 2 "x" null] Id(7)"#,
        ),
        (
            r#"{"success":true,"data":[{"id":1}],"pagination":{"next_start_element_id":null}}"#,
            r#"page [{"id":1}] Null"#,
        ),
        (r#"{"data":[]}"#, "page [] Absent"),
        ("\u{feff} [{\"id\":1}]\n", r#"page [{"id":1}] Absent"#),
        ("[]", "page [] Absent"),
        (
            r#"{"data":[],"pagination":{"next_start_element_id":true}}"#,
            r#"page [] Unusable("true")"#,
        ),
        (r#"{"error":null,"data":[5]}"#, "page [5] Absent"),
    ] {
        assert_eq!(ok(body), expected, "{body}");
    }
}

#[test]
fn throttling_is_told_apart_with_status_200() {
    for (body, expected) in [
        (
            r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"Too many requests. Please try again in 60 seconds."}"#,
            "throttled 60 true",
        ),
        (
            r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"In 7second, or 9 seconds"}"#,
            "throttled 7 true",
        ),
        (
            r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"Wait 2 minutes, not seconds, for this key"}"#,
            "throttled 60 false",
        ),
        (
            r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED"}"#,
            "throttled 60 false",
        ),
        (
            r#"{"success":true,"data":{"success":false,"error":{"code":"rate_limit_exceeded"},"message":null}}"#,
            "throttled 60 false",
        ),
        (
            r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"in 99999999999999999999999 seconds"}"#,
            "throttled 86400 true",
        ),
        (r#"{"error":"RATE_LIMIT_EXCEEDED"}"#, "throttled 60 false"),
    ] {
        assert_eq!(ok(body), expected, "{body}");
    }
}

#[test]
fn other_errors_of_the_api() {
    for (body, expected) in [
        (
            r#"{"success":false,"error":"INTERNAL","message":"Unexpected token < in JSON at position 0"}"#,
            "refused the API answered with an error: INTERNAL: Unexpected token < in JSON at position 0",
        ),
        (
            r#"{"success":true,"data":{"success":false,"data":[],"error":"BAD"}}"#,
            "refused the API answered with an error: BAD",
        ),
        (
            r#"{"success":false}"#,
            "refused the API answered with an error: it does not say which",
        ),
        (
            r#"{"success":false,"error":"invalid_token","message":"no such token: 0a1b2c3d4e5f"}"#,
            "fatal the API answered with an error: invalid_token: no such token: [redacted]",
        ),
        (
            r#"{"success":false,"error":"Unauthorized"}"#,
            "fatal the API answered with an error: Unauthorized",
        ),
        (
            r#"{"success":false,"message":"access forbidden"}"#,
            "fatal the API answered with an error: access forbidden",
        ),
        (
            r#"{"error":"missing permission"}"#,
            "fatal the API answered with an error: missing permission",
        ),
    ] {
        assert_eq!(ok(body), expected, "{body}");
    }
    let swapped = Secrets::new("abc", "d538b946-9d55");
    let head = Head {
        status: 401,
        ..Head::default()
    };
    let failure = classify(&head, "", &swapped).unwrap_err();
    assert!(failure.to_string().contains("swapped"), "{failure}");
}

#[test]
fn what_is_no_json_may_go_better_the_next_time() {
    for body in [
        "<html>\n<h1>Bad  gateway</h1> 0a1b2c3d4e5f",
        "",
        "{\"success\":true,\"data\":[{\"id\":1}",
        "OK",
    ] {
        let said = ok(body);
        assert!(said.starts_with("transient the answer is no JSON ("), "{said}");
    }
    assert!(ok("<html>\n<h1>Bad  gateway</h1> 0a1b2c3d4e5f").ends_with(": <html> <h1>Bad gateway</h1> [redacted]"));
    let long = format!("<p>{}", "x".repeat(10_000));
    assert!(ok(&long).len() < 300);
}

#[test]
fn what_is_neither_page_nor_error_is_no_empty_page() {
    let many = format!("[0{}]", ",0".repeat(MAX_ROWS));
    for body in [
        r#"{"success":true}"#,
        r#"{"success":true,"data":null}"#,
        r#"{"success":true,"data":"none"}"#,
        r#"{"success":true,"data":{"162":{"status":"active"}}}"#,
        r#"{"success":true,"data":{"id":1,"pipeline_id":2}}"#,
        r#"{"id":1,"pipeline_id":2,"data":[],"error":"x"}"#,
        r#"{"2040":{"status":"running"}}"#,
        "{}",
        "null",
        "true",
        "\"ok\"",
        &many,
    ] {
        let said = ok(body);
        assert!(
            said.starts_with("protocol the answer is neither a page nor an error: "),
            "{said}"
        );
    }
}

#[test]
fn every_status() {
    let head = |status| Head {
        status,
        ..Head::default()
    };
    let rows = r#"{"success":true,"data":[1]}"#;
    for (statuses, class) in [
        (&[200, 201][..], "page"),
        (&[401, 403, 407], "fatal"),
        (&[400, 404, 405, 410, 422], "bad request"),
        (&[408, 425, 429, 500, 502, 503, 504, 599], "transient"),
        (&[301, 302, 307, 308, 304, 101, 999], "transient"),
    ] {
        for &status in statuses {
            let said = said(head(status), rows);
            assert!(said.starts_with(class), "{status}: {said}");
        }
    }
    for name in ["key", "token", "start_element_id", "client_id"] {
        assert!(said(head(400), "").contains(name));
    }
    assert_eq!(
        said(head(503), r#"{"error":"DOWN","message":"see you"}"#),
        "transient HTTP 503: the server cannot answer now: the API answered with an error: DOWN: see you"
    );
}

#[test]
fn retry_after() {
    let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
    for (value, date, seconds) in [
        ("120", None, Some(120)),
        (" 0 ", None, Some(0)),
        ("99999999999999999999", None, Some(86_400)),
        ("Sun, 06 Nov 1994 08:50:07 GMT", date, Some(30)),
        ("Sun, 06 Nov 1994 08:00:00 GMT", date, Some(0)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", date, Some(0)),
        ("Sun, 06 Nov 1994 08:50:07 GMT", None, None),
        ("Sun, 06 Nov 1994 08:50:07 GMT", Some("now"), None),
        ("soon", date, None),
        ("-1", date, None),
        ("", date, None),
    ] {
        let wait = wait_named(value, date);
        assert_eq!(wait.map(|wait| wait.as_secs()), seconds, "{value} {date:?}");
    }
    assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
    assert_eq!(http_date("Tue, 29 Feb 2028 00:00:00 GMT"), Some(1_835_395_200));

    let head = Head {
        status: 429,
        retry_after: Some("5"),
        date: None,
    };
    assert!(said(head, "").starts_with("transient after 5: HTTP 429"));
    let head = Head {
        retry_after: None,
        ..head
    };
    let throttled = r#"{"success":false,"error":"RATE_LIMIT_EXCEEDED","message":"again in 33 seconds"}"#;
    assert!(said(head, throttled).starts_with("transient after 33: HTTP 429"));
}
