#![allow(clippy::disallowed_types, reason = "A schema is a JSON value.")]

use std::collections::BTreeSet;
use std::path::Path;

use logferry_sinks::Service;
use logferry_sinks::batch::Limits;
use logferry_sinks::exchange::days;
use serde_json::{Map, Value};
use toml::de::DeValue;

use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/configuration");

fn variable(name: &str) -> Option<String> {
    match name {
        "KEY" | "KONDADO_KEY" => Some("a-b".to_owned()),
        "TOKEN" => Some("ab".to_owned()),
        "SECRETS" => Some(FIXTURES.to_owned()),
        "NUMBER" => Some("17".to_owned()),
        "YES" => Some("true".to_owned()),
        "INJECTION" => Some("\"\nsettle_secs = 1".to_owned()),
        _ => None,
    }
}

fn configuration(text: &str) -> Result<Config, String> {
    from_text(Path::new("f"), text, variable).map_err(|errors| errors.to_string())
}

fn full() -> String {
    fs::read_to_string(Path::new(FIXTURES).join("full.toml")).unwrap()
}

/// The least that is a configuration, with more in the table of the source.
fn with_source(more: &str) -> String {
    format!(
        "state.dir = 's'\n[sinks.out]\ntype = 'stdout'\n[sources.acme]\ntype = 'kondado'\nkey = '${{KEY}}'\ntoken = '${{TOKEN}}'\n{more}\n"
    )
}

fn kondado(more: &str) -> Kondado {
    let config = configuration(&with_source(more)).unwrap();
    match config.sources.into_values().next() {
        Some(Source::Kondado(kondado)) => kondado,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults() {
    let config = configuration(&with_source("")).unwrap();
    assert_eq!(config.dead_letter.path, Path::new("s/dead-letter.ndjson"));
    assert_eq!((config.shutdown_grace_secs, config.telemetry.listen), (60, None));
    assert_eq!(config.sinks["out"].buffer_bytes, 8 * 1024 * 1024);
    let kondado = kondado("");
    assert_eq!(kondado.endpoint, "https://k2.kondado.com.br");
    assert_eq!(kondado.streams.len(), 2);
    assert_eq!(
        (kondado.poll_interval_secs, kondado.settle_secs, kondado.timeout_secs),
        (60, 300, 30)
    );
    assert_eq!(
        (
            kondado.rate_limit.requests_per_minute,
            kondado.rate_limit.min_interval_ms
        ),
        (20, 1000)
    );
    assert_eq!((kondado.start, kondado.redeliver_changed), (None, false));

    let stdin = "sinks.out.type = 'stdout'\nsources.in.type = 'stdin'\n";
    let config = configuration(&format!("{stdin}dead_letter.path = 'bad.ndjson'")).unwrap();
    assert_eq!(config.state, None);
    let said = configuration(stdin).unwrap_err().to_string();
    assert!(said.contains("`dead_letter.path` is missing"), "{said}");
}

#[test]
fn telemetry_is_served_where_a_name_of_this_machine_says() {
    let listen = |text: &str| configuration(&format!("telemetry.listen = '{text}'\n{}", with_source("")));
    let config = |text: &str| listen(text).unwrap().telemetry.listen.unwrap();
    assert!(config("localhost:9598").ip().is_loopback());
    assert_eq!(config("[::]:1").to_string(), "[::]:1");
    for wrong in ["localhost", "9598", "nowhere.invalid:9598", ""] {
        let said = listen(wrong).unwrap_err().to_string();
        assert!(said.contains("expected an IP address and a port"), "{said}");
    }
}

#[test]
fn a_whole_reference_may_be_a_number_or_a_boolean_and_nothing_becomes_a_key() {
    let kondado = kondado(
        "settle_secs = '${NUMBER}'\nredeliver_changed = '${YES}'\nclient_ids = ['${NUMBER}', 3]\nstart = '${NUMBER}'",
    );
    assert_eq!((kondado.settle_secs, kondado.redeliver_changed), (17, true));
    assert_eq!((kondado.client_ids, kondado.start), (vec![17, 3], Some(Start::Id(17))));

    let mapper = |text: &str| mapper_from_text(Path::new("f"), text, variable).unwrap();
    assert_eq!(
        mapper("mapper.connector_type = '${NUMBER}'").connector_type,
        "17",
        "a text stays one"
    );
    let injected = mapper("mapper.connector_type = '${INJECTION}'").connector_type;
    assert_eq!(injected, "\"\nsettle_secs = 1");
    let error = configuration(&with_source("settle_secs = '1${NUMBER}'")).unwrap_err();
    assert!(
        error.contains("expected a whole number from 0, which the value of the reference is not"),
        "{error}"
    );
}

#[test]
fn every_start() {
    for (text, expected) in [
        ("'earliest'", "earliest"),
        ("'latest'", "latest"),
        ("0", "0"),
        ("5181910", "5181910"),
        ("'2026-11-01T00:00:00Z'", "2026-11-01T00:00:00.000Z"),
        ("2026-11-01T02:00:00+02:00", "2026-11-01T00:00:00.000Z"),
    ] {
        let start = kondado(&format!("start = {text}")).start;
        assert_eq!(
            start.map(|start| start.to_string()).as_deref(),
            Some(expected),
            "{text}"
        );
    }
}

#[test]
fn key_and_token_go_over_https_or_to_this_machine() {
    for (endpoint, is_good) in [
        ("https://k2.kondado.com.br", true),
        ("https://proxy.example:8443/kondado/", true),
        ("http://localhost:8080", true),
        ("http://127.1.2.3:8080", true),
        ("http://[::1]:8080", true),
        ("http://k2.kondado.com.br", false),
        ("http://localhost.example", false),
        ("http://127.0.0.1.example", false),
        ("http://127.0.0.1:80@example", false),
        ("https://me:secret@k2.kondado.com.br", false),
        ("https://k2.kondado.com.br?key=a", false),
        ("https://k2.kondado.com.br/#a", false),
        ("https://k2.kondado.com.br/model_logs", false),
        ("ftp://k2.kondado.com.br", false),
        ("k2.kondado.com.br", false),
        ("", false),
    ] {
        let result = configuration(&with_source(&format!("endpoint = '{endpoint}'")));
        assert_eq!(result.is_ok(), is_good, "{endpoint}: {result:?}");
    }
}

/// A position holds 60,000 ids, and no more rows can come while one settles.
#[test]
fn rule_4_a_window_that_cannot_fit_is_refused() {
    for (requests, settle, is_good) in [
        (20, 3600, true),
        (21, 3600, false),
        (240, 300, true),
        (241, 300, false),
        (6000, 0, true),
    ] {
        let more = format!("settle_secs = {settle}\nrate_limit.requests_per_minute = {requests}");
        let result = configuration(&with_source(&more));
        assert_eq!(result.is_ok(), is_good, "{more}: {result:?}");
    }
}

#[test]
fn secrets_do_not_show_themselves() {
    let config = configuration(&full()).unwrap();
    let Source::Kondado(kondado) = &config.sources["acme"] else {
        panic!()
    };
    assert_eq!(
        (kondado.key.expose(), kondado.token.expose()),
        ("a-b", "not-a-real-key")
    );
    let shown = format!("{config:?}{}{}", kondado.token, config.summary());
    assert!(!shown.contains("not-a-real-key") && !shown.contains("a-b"), "{shown}");
}

/// `normalize` needs no key.
#[test]
fn the_mapper_alone_needs_no_environment_but_the_rest_is_checked() {
    let nothing = |_: &str| None;
    let path = Path::new("f");
    let settings = mapper_from_text(path, &full(), nothing).unwrap();
    assert_eq!(settings.pipelines[&702].schema.as_deref(), Some("blog"));
    assert!(mapper_from_text(path, "", nothing).is_ok());
    assert!(mapper_from_text(path, "mapper.connector_type = '${NO}'", nothing).is_err());
    let text = full().replace("settle_secs", "setle_secs");
    let error = mapper_from_text(path, &text, nothing).unwrap_err().to_string();
    assert!(error.contains("did you mean `settle_secs`?"), "{error}");
}

struct Schemas {
    root: Value,
    definitions: Map<String, Value>,
}

impl Schemas {
    fn new() -> Schemas {
        let mut generator = schemars::SchemaGenerator::new(schemars::generate::SchemaSettings::draft2020_12());
        let root = schema(&mut generator).to_value();
        Schemas {
            root,
            definitions: generator.take_definitions(true).into_iter().collect(),
        }
    }

    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
            Some(name) => &self.definitions[name],
            None => schema,
        }
    }

    /// The tables of `sources` or `sinks`, by type.
    fn variants(&self, key: &str) -> Vec<&Value> {
        let table = self.resolved(&self.root["properties"][key]["additionalProperties"]);
        table["oneOf"].as_array().unwrap().iter().collect()
    }

    /// The tables that have any name as a key.
    fn named(&self, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        let schema = self.resolved(schema);
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            self.named(property, &format!("{path}.{key}"), found);
        }
        if schema["additionalProperties"].is_object() {
            self.named(&schema["additionalProperties"], &format!("{path}.*"), found);
            found.insert(path.to_owned());
        }
        for variant in schema["oneOf"].as_array().into_iter().flatten() {
            self.named(variant, path, found);
        }
    }

    /// Every key below a schema, with the names of tables that have any name as `*`.
    fn keys(&self, schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        let schema = self.resolved(schema);
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{key}");
            self.keys(property, &path, found);
            found.insert(path);
        }
        if schema["additionalProperties"].is_object() {
            self.keys(&schema["additionalProperties"], &format!("{path}.*"), found);
        }
        for variant in schema["oneOf"].as_array().into_iter().flatten() {
            self.keys(variant, path, found);
        }
    }
}

fn keys_of_text(value: &DeValue<'_>, path: &str, named: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    let Some(table) = value.as_table() else {
        return;
    };
    for (key, value) in table {
        let is_named = named.contains(path);
        let path = format!("{path}.{}", if is_named { "*" } else { key.get_ref() });
        keys_of_text(value.get_ref(), &path, named, found);
        if !is_named {
            found.insert(path);
        }
    }
}

/// `full.toml` has every key, and is accepted. Of sources and sinks, the keys of all types are taken together here.
#[test]
fn what_is_read_is_what_the_schema_says() {
    configuration(&full()).unwrap();
    let schemas = Schemas::new();
    let (mut of_schema, mut of_text, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    schemas.keys(&schemas.root, "", &mut of_schema);
    schemas.named(&schemas.root, "", &mut named);
    let text = full();
    let document = DeTable::parse(&text).unwrap().into_inner();
    keys_of_text(&DeValue::Table(document), "", &named, &mut of_text);
    // It would have to be a real one, and stands in place of `credentials_path`.
    assert!(of_schema.remove(".sinks.*.service_account_key"));
    // They need the feature `kafka-tls`.
    for key in ["token_url", "scope"] {
        assert!(of_schema.remove(&format!(".sinks.*.sasl.{key}")));
    }
    assert_eq!(of_text, of_schema);
}

#[test]
fn each_type_has_the_keys_that_the_schema_says() {
    let schemas = Schemas::new();
    for tables in ["sources", "sinks"] {
        let variants = schemas.variants(tables);
        let properties = |variant: &Value| variant["properties"].as_object().unwrap().clone();
        let all: BTreeSet<String> = variants
            .iter()
            .flat_map(|variant| properties(variant))
            .map(|(key, _)| key)
            .collect();
        for variant in &variants {
            let kind = variant["properties"]["type"]["const"].as_str().unwrap();
            for key in all.iter().filter(|key| *key != "type") {
                let error = configuration(&format!("[{tables}.x]\ntype = '{kind}'\n{key} = {{}}")).unwrap_err();
                let is_unknown = error.contains(&format!("f:3:1: unknown field `{key}`"));
                assert_eq!(
                    is_unknown,
                    !properties(variant).contains_key(key),
                    "{tables} {kind} {key}: {error}"
                );
            }
        }
    }
}

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");

/// `docs/configuration.md` ends with tables of all keys, and each service's page has one of its own; `RENEW=1` writes them.
#[test]
fn the_pages_are_up_to_date() {
    const MARK: &str = "## All keys\n";
    const BEGIN: &str = "<!-- settings -->\n";
    const END: &str = "<!-- /settings -->\n";
    let schemas = Schemas::new();
    let mut pages = Vec::new();
    let page = Path::new(DOCS).join("configuration.md");
    let text = fs::read_to_string(&page).unwrap();
    let (before, _) = text.split_once(MARK).unwrap();
    pages.push((page, format!("{before}{MARK}{}", all_keys(&schemas))));
    for (kind, variant) in schemas.services() {
        let page = Path::new(DOCS).join(format!("sinks/{kind}.md"));
        let table = table_of(&schemas, &schemas.part_of_sink(variant, false));
        let made = between(&page, BEGIN, END, &table);
        pages.push((page, made));
    }
    let page = Path::new(DOCS).join("sinks/README.md");
    pages.push((
        page.clone(),
        between(&page, "<!-- limits -->\n", "<!-- /limits -->\n", &limits()),
    ));
    for (page, made) in pages {
        if std::env::var_os("RENEW").is_some() {
            fs::write(page, made).unwrap();
        } else {
            let text = fs::read_to_string(&page).unwrap();
            assert_eq!(
                text,
                made,
                "{}: to renew it: RENEW=1 cargo test -p logferry-forwarder",
                page.display()
            );
        }
    }
}

/// A page with something else between two lines of it.
fn between(page: &Path, begin: &str, end: &str, what: &str) -> String {
    let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let (before, rest) = text.split_once(begin).unwrap();
    let (_, after) = rest.split_once(end).unwrap();
    format!("{before}{begin}{what}{end}{after}")
}

/// What services take at once, and how old.
fn limits() -> String {
    let config = configuration(&full()).unwrap();
    let mut out = "| type | most bytes at once | most events at once | oldest event |\n|---|---|---|---|\n".to_owned();
    let most = |most: usize| match most {
        usize::MAX => "any".to_owned(),
        most => most.to_string(),
    };
    for kind in super::sink::TYPES {
        let sinks = config.sinks.values().filter(|sink| sink.kind.type_name() == *kind);
        let services: Vec<&dyn Service> = sinks.filter_map(|sink| sink.kind.service()).collect();
        // A setting may make a limit narrower.
        let widest = |limit: fn(&Limits) -> usize| services.iter().map(|service| limit(&service.limits())).max();
        let (Some(bytes), Some(events)) = (widest(|limits| limits.max_bytes), widest(|limits| limits.max_events))
        else {
            continue;
        };
        let oldest = services.iter().filter_map(|service| service.oldest()).max();
        let oldest = oldest.map_or_else(|| "any".to_owned(), days);
        let (bytes, events) = (most(bytes), most(events));
        out.push_str(&format!("| [`{kind}`]({kind}.md) | {bytes} | {events} | {oldest} |\n"));
    }
    out
}

impl Schemas {
    /// The types of sinks with a service behind them.
    fn services(&self) -> Vec<(&str, &Value)> {
        let sinks = self.variants("sinks").into_iter();
        let sinks = sinks.map(|variant| (variant["properties"]["type"]["const"].as_str().unwrap(), variant));
        sinks.filter(|(kind, _)| !["stdout", "file"].contains(kind)).collect()
    }

    /// What all sinks have, or what only this one has.
    fn part_of_sink(&self, variant: &Value, is_common: bool) -> Value {
        let sinks = self.variants("sinks");
        let mut part = variant.clone();
        let properties = part["properties"].as_object_mut().unwrap();
        properties.retain(|key, _| sinks.iter().all(|sink| sink["properties"].get(key).is_some()) == is_common);
        part
    }
}

fn table_of(schemas: &Schemas, schema: &Value) -> String {
    let mut rows = String::new();
    rows_of(schemas, schema, "", &mut rows);
    match rows.is_empty() {
        true => rows,
        false => format!("| key | value | default | |\n|---|---|---|---|\n{rows}"),
    }
}

fn all_keys(schemas: &Schemas) -> String {
    let mut out = String::new();
    let mut section = |title: &str, schema: &Value, words: &Value| {
        out.push_str(&format!("\n### {title}\n\n"));
        if let Some(words) = words.as_str() {
            out.push_str(&format!("{words}\n\n"));
        }
        out.push_str(&table_of(schemas, schema));
    };
    let properties = &schemas.root["properties"];
    let grace = serde_json::json!({"properties": {"shutdown_grace_secs": properties["shutdown_grace_secs"]}});
    section("At the top", &grace, &Value::Null);
    for variant in schemas.variants("sources") {
        let kind = &variant["properties"]["type"]["const"];
        section(
            &format!("`[sources.acme]` with `type = {kind}`"),
            variant,
            &variant["description"],
        );
    }
    // What all sinks have is said once. A service has the most of it.
    let sinks = schemas.variants("sinks");
    let common = schemas.part_of_sink(sinks.last().unwrap(), true);
    section("`[sinks.lake]`, whatever its `type`", &common, &Value::Null);
    for variant in &sinks {
        let kind = variant["properties"]["type"]["const"].as_str().unwrap();
        let title = format!("`[sinks.lake]` with `type = \"{kind}\"`");
        if schemas.services().iter().any(|(service, _)| *service == kind) {
            let words = format!(
                "{} See [its page](sinks/{kind}.md).",
                variant["description"].as_str().unwrap()
            );
            section(&title, &Value::Null, &Value::String(words));
        } else {
            section(&title, &schemas.part_of_sink(variant, false), &variant["description"]);
        }
    }
    for key in ["mapper", "state", "dead_letter", "telemetry"] {
        section(
            &format!("`[{key}]`"),
            schemas.resolved(&properties[key]),
            &properties[key]["description"],
        );
    }
    out
}

fn rows_of(schemas: &Schemas, schema: &Value, before: &str, out: &mut String) {
    let required = schema["required"].as_array();
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        if key == "type" {
            continue;
        }
        let resolved = schemas.resolved(property);
        if resolved["properties"].is_object() {
            rows_of(schemas, resolved, &format!("{before}{key}."), out);
            continue;
        }
        if resolved["additionalProperties"].is_object() {
            let each = schemas.resolved(&resolved["additionalProperties"]);
            if each["properties"].is_object() {
                rows_of(schemas, each, &format!("{before}{key}.ID."), out);
                continue;
            }
        }
        let is_required = required.is_some_and(|required| required.iter().any(|name| name == key));
        let default = match &property["default"] {
            _ if is_required => "needed".to_owned(),
            Value::Null => String::new(),
            Value::Array(items) if items.is_empty() => String::new(),
            default => format!("`{default}`"),
        };
        let words = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        out.push_str(&format!(
            "| `{before}{key}` | {} | {default} | {words} |\n",
            kind_of(schemas, property)
        ));
    }
}

/// What a value is, in words.
fn kind_of(schemas: &Schemas, schema: &Value) -> String {
    if schema["$ref"] == "#/$defs/Start" {
        return "a text, a number or a time".to_owned();
    }
    let schema = schemas.resolved(schema);
    if let Some(branches) = schema["anyOf"].as_array() {
        return kind_of(schemas, &branches[0]);
    }
    let names = |values: Vec<&Value>| {
        let names: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        names.join(", ")
    };
    if let Some(values) = schema["enum"].as_array() {
        return names(values.iter().collect());
    }
    if let Some(branches) = schema["oneOf"].as_array() {
        return names(branches.iter().map(|branch| &branch["const"]).collect());
    }
    let range = match (&schema["minimum"], &schema["maximum"]) {
        (from, to) if !to.is_null() => format!(", {from} to {to}"),
        (from, _) if from.as_f64().is_some_and(|from| from > 0.0) => format!(", from {from}"),
        _ => String::new(),
    };
    match schema["type"].as_str() {
        Some("string") => "a text".to_owned(),
        Some("integer") => format!("a whole number{range}"),
        Some("number") => format!("a number{range}"),
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("array") if kind_of(schemas, &schema["items"]).starts_with("a ") => {
            format!(
                "an array: {}s",
                kind_of(schemas, &schema["items"]).trim_start_matches("a ")
            )
        }
        Some("object") => "a table of texts".to_owned(),
        Some("array") => format!("an array: {}", kind_of(schemas, &schema["items"])),
        other => panic!("{other:?}: {schema}"),
    }
}
