//! Circles of a graph: groups of names that lead back to themselves.

use std::collections::{BTreeMap, BTreeSet};

/// Who uses whom.
pub type Uses = BTreeMap<String, BTreeSet<String>>;

/// The groups of two or more names in which each name reaches every other one.
pub fn circles(uses: &Uses) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        uses.keys().map(|name| (name, reach(uses, name))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (name, others) in &reached {
        if !others.contains(name) || found.iter().any(|circle| circle.contains(*name)) {
            continue;
        }
        let back = |other: &&&String| reached.get(*other).is_some_and(|reached| reached.contains(name));
        found.push(others.iter().filter(back).map(|other| (*other).clone()).collect());
    }
    found
}

fn reach<'a>(uses: &'a Uses, from: &str) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = uses.get(from).into_iter().flatten().collect();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(uses.get(name).into_iter().flatten());
        }
    }
    reached
}

#[test]
fn a_circle_is_found_and_a_line_is_none() {
    let graph = |edges: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (from, to) in edges {
            uses.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        uses
    };
    assert!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("d", "a"), ("e", "f"), ("f", "e")]));
    let names: Vec<Vec<&str>> =
        found.iter().map(|circle| circle.iter().map(String::as_str).collect()).collect();
    assert_eq!(names, [vec!["b", "c"], vec!["e", "f"]]);
}
