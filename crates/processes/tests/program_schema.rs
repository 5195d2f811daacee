//! `docs/program.schema.json` describes each line that Setpoint and a program exchange. The simulator of the tests keeps a record of
//! both sides, and a small reader of the schema checks it; it also refuses what Setpoint refuses.

#![cfg(unix)]

use serde_json::{Value, json};
use setpoint_decision::Project;
use setpoint_process::vectorized::Actions;
use setpoint_processes::registry;

mod simulator;

const SCHEMA: &str = include_str!("../../../docs/program.schema.json");

/// Whether a value fits a schema. A keyword that it does not know is a failure of the test.
fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    let number = |key: &Value| key.as_f64().unwrap();
    schema.as_object().unwrap().iter().all(|(keyword, wanted)| match keyword.as_str() {
        "$schema" | "title" | "description" | "$defs" => true,
        "required" => wanted.as_array().unwrap().iter().all(|key| value.get(key.as_str().unwrap()).is_some()),
        "$ref" => {
            fits(value, root.pointer(wanted.as_str().unwrap().strip_prefix('#').unwrap()).unwrap(), root)
        }
        "oneOf" => wanted.as_array().unwrap().iter().filter(|one| fits(value, one, root)).count() == 1,
        "const" => value == wanted,
        "enum" => wanted.as_array().unwrap().contains(value),
        "type" => match wanted.as_str().unwrap() {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            other => panic!("type {other}"),
        },
        "minimum" => value.as_f64().is_some_and(|value| value >= number(wanted)),
        "maximum" => value.as_f64().is_some_and(|value| value <= number(wanted)),
        "exclusiveMinimum" => value.as_f64().is_some_and(|value| value > number(wanted)),
        "minItems" => value.as_array().is_some_and(|items| items.len() as f64 >= number(wanted)),
        "minLength" => value.as_str().is_some_and(|text| text.len() as f64 >= number(wanted)),
        "maxLength" => value.as_str().is_some_and(|text| text.len() as f64 <= number(wanted)),
        "pattern" => {
            assert_eq!(wanted, "^[a-z][a-z0-9_]*$");
            let rest =
                |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            value
                .as_str()
                .is_some_and(|text| text.starts_with(|c: char| c.is_ascii_lowercase()) && rest(text))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(item, wanted, root))),
        "properties" => {
            let fits =
                |(key, wanted): (&String, &Value)| value.get(key).is_none_or(|own| fits(own, wanted, root));
            wanted.as_object().unwrap().iter().all(fits)
        }
        "additionalProperties" => {
            let known = |key: &String| schema["properties"].get(key).is_some();
            let others = value.as_object().unwrap().iter().filter(|(key, _)| !known(key));
            others.into_iter().all(|(_, value)| *wanted != json!(false) && fits(value, wanted, root))
        }
        other => panic!("the test does not know the keyword {other}"),
    })
}

/// Whether a line is of a kind.
fn is(kind: &str, line: &Value) -> bool {
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    fits(line, &json!({ "$ref": format!("#/$defs/{kind}") }), &root)
}

/// The requests and the answers of a run with this simulator.
fn recorded(arguments: &str) -> Vec<(Value, Value)> {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let words: Vec<&str> =
        std::iter::once(simulator::simulator()).chain(arguments.split_whitespace()).collect();
    let text = format!(
        "[process]\nkind = \"program\"\ncommand = {words:?}\nworkers = 1\noptions = {{ record = {record:?}, size = [1.5] }}\n\
         [reward]\ngood = 1\n"
    );
    let project = Project::from_text("setpoint.toml", &text, &[]).unwrap();
    let factory = registry().open(&project, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
    let mut batch = factory.batch(3, 0, "test").unwrap();
    for step in 0..60 {
        batch.step(Actions { choices: &[1; 3], settings: &[0.1 * step as f32 / 3.0; 3] }).unwrap();
    }
    if factory.resumes_exactly() {
        let state = batch.save().unwrap();
        batch.load(&state).unwrap();
    }
    drop(batch);
    let lines = std::fs::read_to_string(record).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

#[test]
fn every_line_fits_the_schema() {
    for (arguments, kinds) in [
        ("masked", vec![("describe", "description"), ("reset", "begun"), ("step", "stepped")]),
        ("batch", vec![("describe", "description"), ("batch", "answers")]),
        ("saves", vec![("save", "saved"), ("load", "loaded")]),
        (
            "binary saves",
            vec![("describe", "description"), ("binary", "ready"), ("save", "saved"), ("load", "loaded")],
        ),
    ] {
        let pairs = recorded(arguments);
        for (request, answer) in &pairs {
            let own = |(kind, answer_kind): &&(&str, &str)| is(kind, request) && is(answer_kind, answer);
            let all = [("describe", "description"), ("reset", "begun"), ("step", "stepped")];
            assert!(kinds.iter().chain(&all).any(|pair| own(&pair)), "{request}\n{answer}");
            assert!(is("request", request) && is("answer", answer), "{request}\n{answer}");
        }
        for pair in &kinds {
            let found =
                pairs.iter().filter(|(request, answer)| is(pair.0, request) && is(pair.1, answer)).count();
            assert!(found > 0, "{arguments}: no {pair:?}");
        }
    }
}

#[test]
fn what_setpoint_refuses_does_not_fit() {
    let good = json!({ "lane": 0, "observation": [1.0], "signals": [0], "terminated": false });
    assert!(is("stepped", &good) && is("answer", &good));
    let edited = |key: &str, value: Value| {
        let mut line = good.clone();
        line[key] = value;
        line
    };
    for (key, value) in [
        ("terminate", json!(false)),
        ("terminated", json!(0)),
        ("observation", json!([null])),
        ("observation", json!(["4.5"])),
        ("lane", json!(-1)),
    ] {
        assert!(!is("stepped", &edited(key, value.clone())), "{key}: {value}");
    }
    let description = json!({ "name": "tank", "features": [{ "name": "level", "low": 0 }], "signals": [{ "name": "good" }] });
    assert!(is("description", &description));
    for (pointer, value) in
        [("/features/0/name", json!("Tank Level")), ("/signals", json!([])), ("/features/0/low", json!("0"))]
    {
        let mut line = description.clone();
        *line.pointer_mut(pointer).unwrap() = value;
        assert!(!is("description", &line), "{pointer}");
    }
}
