//! "Did you mean …": the nearest of the names that a message offers.

/// Adds the nearest name to a message of the form: unknown … `name`, expected one of `a`, `b`, `c`.
pub fn with_suggestion(message: &str) -> String {
    let mut names = message.split('`').skip(1).step_by(2);
    let given = names.next().filter(|_| message.starts_with("unknown "));
    match given.and_then(|given| nearest(given, names)) {
        Some(name) => format!("{message} (did you mean `{name}`?)"),
        None => message.to_owned(),
    }
}

/// The nearest of some names, if it is near.
pub fn nearest<'n>(given: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    logferry_schema::nearest_within(3, given, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near() {
        let message = "unknown event `sync_ends`, expected one of `sync_start`, `sync_end`";
        assert_eq!(
            with_suggestion(message),
            format!("{message} (did you mean `sync_end`?)")
        );
        let message = "unknown event `x`, expected one of `sync_start`, `sync_end`";
        assert_eq!(with_suggestion(message), message);
    }
}
