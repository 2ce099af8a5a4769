//! Values of a document by their places.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Visits every value in a table, at any depth.
pub fn each_value<'a>(entries: &mut DeTable<'a>, change: &mut dyn FnMut(&mut Spanned<DeValue<'a>>)) {
    for (_, value) in entries.iter_mut() {
        each_below(value, change);
    }
}

fn each_below<'a>(value: &mut Spanned<DeValue<'a>>, change: &mut dyn FnMut(&mut Spanned<DeValue<'a>>)) {
    change(value);
    match value.get_mut() {
        DeValue::Table(table) => each_value(table, change),
        DeValue::Array(items) => items.iter_mut().for_each(|item| each_below(item, change)),
        _ => {}
    }
}

/// The item of the array at a place that a message about an unknown name is about.
pub fn item_named(message: &str, entries: &DeTable<'_>, place: &Range<usize>) -> Option<Range<usize>> {
    let name = message.strip_prefix("unknown ")?.split('`').nth(1)?;
    let array = find(entries, place)?.as_array()?;
    let item = array.iter().find(|item| item.get_ref().as_str() == Some(name))?;
    Some(item.span())
}

fn find<'e, 'a>(entries: &'e DeTable<'a>, place: &Range<usize>) -> Option<&'e DeValue<'a>> {
    entries.values().find_map(|value| match value.get_ref() {
        found if value.span() == *place => Some(found),
        DeValue::Table(table) => find(table, place),
        _ => None,
    })
}

/// Takes out what is at a place: as little as possible; whether there was anything.
pub fn remove(entries: &mut DeTable<'_>, place: &Range<usize>) -> bool {
    let holds = |span: Range<usize>| span.start <= place.start && place.end <= span.end;
    let mut culprit = None;
    for (key, value) in entries.iter_mut() {
        let span = value.span();
        let is_inside = match value.get_mut() {
            _ if key.span() == *place => false,
            DeValue::Table(table) => remove(table, place),
            DeValue::Array(items) if span != *place && holds(span.clone()) => {
                let before = items.len();
                let left: Vec<_> = items.iter().filter(|item| item.span() != *place).cloned().collect();
                *items = left.into_iter().collect();
                // An array that lost all of its items would be wrong for that.
                items.len() < before && !items.is_empty()
            }
            _ => false,
        };
        if is_inside {
            return true;
        }
        if key.span() == *place || holds(span) {
            culprit = Some(key.clone());
            break;
        }
    }
    culprit.is_some_and(|key| entries.remove::<str>(key.get_ref()).is_some())
}
