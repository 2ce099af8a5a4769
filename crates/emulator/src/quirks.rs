//! Deviations from the plain API, each switched on by itself.

use std::collections::BTreeMap;
use std::time::Duration;

/// Deviations from the plain API. The default has none.
#[derive(Debug, Clone, PartialEq)]
pub struct Quirks {
    /// Whether the row `start_element_id` itself is returned too.
    pub inclusive: bool,
    /// What `next_start_element_id` says.
    pub next: Next,
    /// The share of live rows that become visible only after [`late`](Quirks::late), while higher ids are visible already.
    pub late_share: f64,
    /// By how much late rows are late.
    pub late: Delay,
    /// The share of rows whose content and `updatedAt` change once, some time after they became visible.
    pub modified_share: f64,
    /// How long after it became visible such a row changes.
    pub modified: Delay,
    /// Rows of other accounts are removed after the page was cut: pages are short or empty, and go on.
    pub post_limit_filter: bool,
    /// How numbers are written.
    pub numbers: Numbers,
    /// The fields that came in 2025 are missing.
    pub missing_fields: bool,
    /// A third of the rows has nulls in fields that can be done without.
    pub nulls: bool,
    /// A third of the rows has fields that are not documented.
    pub unknown_fields: bool,
    /// The rows of a page come in any order.
    pub unsorted: bool,
    /// Some rows come twice on their page.
    pub duplicates: bool,
    /// Faults, each with the probability that it befalls a request.
    pub faults: BTreeMap<Fault, f64>,
    /// How long a slow response takes.
    pub slow: Delay,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            inclusive: false,
            next: Next::Last,
            late_share: 0.0,
            late: Delay::secs(1, 20),
            modified_share: 0.0,
            modified: Delay::secs(1, 30),
            post_limit_filter: false,
            numbers: Numbers::Documented,
            missing_fields: false,
            nulls: false,
            unknown_fields: false,
            unsorted: false,
            duplicates: false,
            faults: BTreeMap::new(),
            slow: Delay::secs(1, 5),
        }
    }
}

/// Some time between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// The least.
    pub min: Duration,
    /// The most.
    pub max: Duration,
}

impl Delay {
    /// A delay between two numbers of seconds.
    pub const fn secs(min: u64, max: u64) -> Delay {
        Delay {
            min: Duration::from_secs(min),
            max: Duration::from_secs(max),
        }
    }

    pub(crate) fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        let span = self.max.saturating_sub(self.min);
        self.min + span.mul_f64(rng.f64())
    }
}

/// What `next_start_element_id` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Next {
    /// The last id of the page; null when the page is empty.
    #[default]
    Last,
    /// The last id of the page; null when the page is not full.
    NullOnShort,
    /// The first id of the next page; null when there is none.
    FirstOfNextPage,
    /// The last id of the page plus one; null when the page is empty.
    LastPlusOne,
}

impl Next {
    /// Every policy.
    pub const ALL: [Next; 4] = [Next::Last, Next::NullOnShort, Next::FirstOfNextPage, Next::LastPlusOne];
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// As in the documented examples, which differ by endpoint and field.
    #[default]
    Documented,
    /// All as bare numbers.
    Bare,
    /// All as strings, ids and `next_start_element_id` among them.
    Strings,
}

macro_rules! faults {
    ($( $(#[doc = $doc:literal])+ $name:literal => $Fault:ident; )*) => {
        /// What can befall a request that is within the limits.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $( $(#[doc = $doc])+ $Fault, )*
        }

        impl Fault {
            /// Every fault, in the order in which a request is tried for them.
            pub const ALL: &'static [Fault] = &[$( Fault::$Fault ),*];

            /// The name of the quirk.
            pub fn name(self) -> &'static str {
                match self { $( Fault::$Fault => $name, )* }
            }

            /// What it does.
            pub fn description(self) -> &'static str {
                match self { $( Fault::$Fault => concat!($( $doc ),+).trim_ascii().trim_end_matches('.'), )* }
            }
        }
    };
}

faults! {
    /// A throttle body although within the limits, with the usual seconds.
    "throttle" => Throttle;
    /// A throttle body with another number of seconds, from 1 to 9.
    "throttle-seconds" => ThrottleSeconds;
    /// A throttle body that names no number.
    "throttle-wordless" => ThrottleWordless;
    /// `"success": false` one level down, inside `data`.
    "inner-failure" => InnerFailure;
    /// An HTML error page with HTTP 200.
    "html" => Html;
    /// An empty object with HTTP 200.
    "empty-object" => EmptyObject;
    /// A page whose rows are null instead of an array.
    "no-array" => NoArray;
    /// HTTP 401.
    "unauthorized" => Unauthorized;
    /// HTTP 403.
    "forbidden" => Forbidden;
    /// HTTP 500, 502 or 503, on one to five requests in a row.
    "server-errors" => ServerErrors;
    /// The same, with a `Retry-After` of 1 to 3 seconds.
    "server-errors-retry-after" => ServerErrorsRetryAfter;
    /// The response takes its time.
    "slow" => Slow;
    /// The connection is closed in the middle of the response.
    "cut" => Cut;
    /// The connection stays open and nothing (more) comes.
    "hang" => Hang;
    /// The connection is reset, before or within the response.
    "reset" => Reset;
}

/// The probability of a fault, and the share of late and modified rows, that are named without one.
const USUAL_SHARE: f64 = 0.05;

/// Names of quirks that are no faults.
const NAMES: &[(&str, &str)] = &[
    (
        "exclusive",
        "The row `start_element_id` itself is not returned (default)",
    ),
    ("inclusive", "The row `start_element_id` itself is returned too"),
    (
        "next-last",
        "`next` is the last id of the page, null when it is empty (default)",
    ),
    (
        "next-null-on-short",
        "`next` is the last id of the page, null when it is not full",
    ),
    ("next-first-of-next-page", "`next` is the first id of the next page"),
    ("next-last-plus-one", "`next` is the last id of the page plus one"),
    ("late", "A share of the live rows becomes visible after higher ids"),
    ("modified", "A share of the rows changes some time later"),
    (
        "post-limit-filter",
        "Rows of others are removed from the page after it was cut",
    ),
    ("bare-numbers", "All numbers come bare"),
    ("string-numbers", "All numbers come as strings"),
    ("missing-fields", "The fields that came in 2025 are missing"),
    ("nulls", "A third of the rows has nulls"),
    (
        "unknown-fields",
        "A third of the rows has fields that are not documented",
    ),
    ("unsorted", "The rows of a page come in any order"),
    ("duplicates", "Some rows come twice on their page"),
];

/// Why a quirk could not be switched on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuirkError {
    /// No quirk has this name.
    #[error("unknown quirk `{name}`, expected one of {}", known())]
    Unknown {
        /// The name.
        name: String,
    },
    /// The quirk is on or off.
    #[error("quirk `{name}` takes no value")]
    NoValue {
        /// The name.
        name: String,
    },
    /// The value is no share.
    #[error("quirk `{name}`: expected a share from 0 to 1, such as {name}=0.05, found `{found}`")]
    NoShare {
        /// The name.
        name: String,
        /// The value.
        found: String,
    },
}

fn known() -> String {
    let names: Vec<_> = Quirks::names().map(|(name, _)| format!("`{name}`")).collect();
    names.join(", ")
}

impl Quirks {
    /// The names that [`Quirks::set`] knows, each with what it does.
    pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
        let faults = Fault::ALL.iter().map(|fault| (fault.name(), fault.description()));
        NAMES.iter().copied().chain(faults)
    }

    /// Switches on a quirk by its name, with a share behind `=` where it has one.
    ///
    /// # Errors
    ///
    /// [`QuirkError`] when there is no such quirk, or its share is none.
    pub fn set(&mut self, quirk: &str) -> Result<(), QuirkError> {
        let (name, value) = match quirk.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (quirk, None),
        };
        let share = || {
            let share = value.map_or(Ok(USUAL_SHARE), str::parse);
            let share = share.ok().filter(|share| (0.0..=1.0).contains(share));
            share.ok_or_else(|| QuirkError::NoShare {
                name: name.to_owned(),
                found: value.unwrap_or_default().to_owned(),
            })
        };
        if let Some(fault) = Fault::ALL.iter().find(|fault| fault.name() == name) {
            self.faults.insert(*fault, share()?);
            return Ok(());
        }
        match name {
            "late" => self.late_share = share()?,
            "modified" => self.modified_share = share()?,
            _ if value.is_some() && NAMES.iter().any(|(known, _)| *known == name) => {
                return Err(QuirkError::NoValue { name: name.to_owned() });
            }
            "exclusive" => self.inclusive = false,
            "inclusive" => self.inclusive = true,
            "next-last" => self.next = Next::Last,
            "next-null-on-short" => self.next = Next::NullOnShort,
            "next-first-of-next-page" => self.next = Next::FirstOfNextPage,
            "next-last-plus-one" => self.next = Next::LastPlusOne,
            "post-limit-filter" => self.post_limit_filter = true,
            "bare-numbers" => self.numbers = Numbers::Bare,
            "string-numbers" => self.numbers = Numbers::Strings,
            "missing-fields" => self.missing_fields = true,
            "nulls" => self.nulls = true,
            "unknown-fields" => self.unknown_fields = true,
            "unsorted" => self.unsorted = true,
            "duplicates" => self.duplicates = true,
            _ => return Err(QuirkError::Unknown { name: name.to_owned() }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_does_something() {
        for (name, description) in Quirks::names() {
            assert!(!description.is_empty(), "{name}");
            let mut quirks = Quirks::default();
            quirks.set(name).unwrap();
            let is_default = description.ends_with("(default)");
            assert_eq!(quirks == Quirks::default(), is_default, "{name}");
        }
    }

    #[test]
    fn shares() {
        let mut quirks = Quirks::default();
        quirks.set("cut=0.25").unwrap();
        quirks.set("late=1").unwrap();
        assert_eq!(quirks.faults.get(&Fault::Cut), Some(&0.25));
        assert_eq!(quirks.late_share, 1.0);
        for (quirk, message) in [
            (
                "cut=2",
                "quirk `cut`: expected a share from 0 to 1, such as cut=0.05, found `2`",
            ),
            (
                "cut=NaN",
                "quirk `cut`: expected a share from 0 to 1, such as cut=0.05, found `NaN`",
            ),
            ("nulls=0.1", "quirk `nulls` takes no value"),
        ] {
            assert_eq!(quirks.set(quirk).unwrap_err().to_string(), message);
        }
        let unknown = quirks.set("cuts").unwrap_err().to_string();
        assert!(
            unknown.starts_with("unknown quirk `cuts`, expected one of `exclusive`, "),
            "{unknown}"
        );
    }
}
