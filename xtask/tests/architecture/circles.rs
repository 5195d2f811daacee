//! Circles of a graph: groups of names that lead back to themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The names that each name uses.
pub type Uses = BTreeMap<String, BTreeSet<String>>;

/// The groups of two or more names in which each name reaches every other name.
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

/// The shortest way from a name over at least one use to another name, both ends included.
pub fn shortest(uses: &Uses, from: &str, to: &str) -> Option<Vec<String>> {
    let mut ways = VecDeque::from([vec![from.to_owned()]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in uses.get(way.last()?).into_iter().flatten() {
            let longer = || way.iter().chain([next]).cloned().collect();
            if next == to {
                return Some(longer());
            }
            if seen.insert(next) {
                ways.push_back(longer());
            }
        }
    }
    None
}

/// The part of a graph that a condition on the user and the used keeps.
pub fn part(uses: &Uses, keep: impl Fn(&str, &str) -> bool) -> Uses {
    let kept =
        |from: &String, to: &BTreeSet<String>| to.iter().filter(|to| keep(from, to)).cloned().collect();
    uses.iter().map(|(from, to)| (from.clone(), kept(from, to))).collect()
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

#[cfg(test)]
fn graph(edges: &[(&str, &str)]) -> Uses {
    let mut uses = Uses::new();
    for (from, to) in edges {
        uses.entry((*from).to_owned()).or_default().insert((*to).to_owned());
    }
    uses
}

#[test]
fn circles_are_found_and_a_graph_without_circles_has_none() {
    assert!(circles(&graph(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    let found = circles(&graph(&[("a", "b"), ("b", "c"), ("c", "b"), ("d", "a"), ("e", "f"), ("f", "e")]));
    let names: Vec<Vec<&str>> =
        found.iter().map(|circle| circle.iter().map(String::as_str).collect()).collect();
    assert_eq!(names, [vec!["b", "c"], vec!["e", "f"]]);
}

#[test]
fn the_shortest_way_is_found() {
    let uses = graph(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("b", "d")]);
    assert_eq!(shortest(&uses, "a", "a").unwrap(), ["a", "b", "d", "a"]);
    assert_eq!(shortest(&uses, "c", "d").unwrap(), ["c", "d"]);
    assert!(shortest(&uses, "a", "e").is_none());
}
