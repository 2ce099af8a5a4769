//! Which topic an event goes to.

use std::borrow::Cow;

use crate::exchange::Problem;

/// Kafka's own bound.
const MOST_BYTES: usize = 249;

const PLACE: &str = "{{ event }}";

/// A topic's name, with places for the event's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// What stands between the places.
    texts: Vec<String>,
}

impl Template {
    /// Reads the setting `topic`.
    pub(super) fn parse(text: &str) -> Result<Template, Problem> {
        let problem = |message: String| Problem::new("topic", message);
        let mut texts = vec![String::new()];
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after
                .split_once("}}")
                .ok_or_else(|| problem("`{{` without `}}`".to_owned()))?;
            if name.trim() != "event" {
                return Err(problem(format!("only `{PLACE}` can stand in it")));
            }
            if let Some(last) = texts.last_mut() {
                last.push_str(before);
            }
            texts.push(String::new());
            rest = after;
        }
        if let Some(last) = texts.last_mut() {
            last.push_str(rest);
        }
        let template = Template { texts };
        let fixed: usize = template.texts.iter().map(String::len).sum();
        if template.texts[0].is_empty() {
            return Err(problem(match template.is_fixed() {
                true => "it is empty".to_owned(),
                false => format!("expected text before `{PLACE}`, which comes from the events: `fivetran.{PLACE}`"),
            }));
        }
        if let Some(bad) = template
            .texts
            .iter()
            .flat_map(|text| text.chars())
            .find(|c| !is_legal(*c))
        {
            return Err(problem(format!(
                "a topic has letters, digits, `.`, `_` and `-` in its name, and no {bad:?}"
            )));
        }
        if fixed > MOST_BYTES || matches!(text, "." | "..") {
            return Err(problem("no topic can have this name".to_owned()));
        }
        Ok(template)
    }

    /// Whether every event goes to the same one.
    pub(super) fn is_fixed(&self) -> bool {
        self.texts.len() == 1
    }

    /// The topic of an event of this name.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code, reason = "nothing is sent"))]
    pub(super) fn of(&self, event: &str) -> Cow<'_, str> {
        if self.is_fixed() {
            return Cow::Borrowed(&self.texts[0]);
        }
        let event: String = event.chars().map(|c| if is_legal(c) { c } else { '_' }).collect();
        let mut name = self.texts.join(&event);
        // All of it is ASCII.
        name.truncate(MOST_BYTES);
        Cow::Owned(name)
    }
}

fn is_legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_a_topic_for_each_event() {
        let long = "x".repeat(300);
        for (template, event, expected) in [
            ("fivetran.log_events", "sync_end", "fivetran.log_events"),
            ("fivetran.{{ event }}", "sync_end", "fivetran.sync_end"),
            ("fivetran.{{event}}.v1", "sync_end", "fivetran.sync_end.v1"),
            ("a-{{ event }}", "grüße an/alle", "a-gr__e_an_alle"),
            ("a-{{ event }}", &long, &format!("a-{}", &long[..247])),
        ] {
            assert_eq!(Template::parse(template).unwrap().of(event), expected, "{template}");
        }
    }

    #[test]
    fn what_names_no_topic_is_said() {
        for (template, words) in [
            ("", "it is empty"),
            ("{{ event }}", "expected text before"),
            ("a.{{ key }}", "only `{{ event }}`"),
            ("a.{{ event", "`{{` without `}}`"),
            ("a b", "no ' '"),
            ("..", "no topic"),
        ] {
            let problem = Template::parse(template).unwrap_err();
            assert!(problem.message.contains(words), "{template}: {}", problem.message);
        }
    }
}
