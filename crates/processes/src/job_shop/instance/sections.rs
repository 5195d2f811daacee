//! Files of several instances: OR-Library's (`instance la05` before each), and Taillard's (ten tables one after another).

use std::ops::Range;

use crate::instance_text::{InstanceText, Line};

/// The lines of one instance.
pub struct Section<'a> {
    /// Its name in the file, or its number from 1; absent if the file has one instance without a name.
    pub name: Option<String>,
    /// The place of its name, or of its first line.
    pub heading: Range<usize>,
    /// Its lines without the line of the name.
    pub lines: Vec<Line<'a>>,
}

/// The sections of a text; at least one. The preface of a file of named instances belongs to none of them.
pub fn split<'a>(text: &InstanceText<'a>) -> Vec<Section<'a>> {
    let lines = text.lines();
    if lines.iter().any(|line| name(line).is_some()) {
        return by_name(lines);
    }
    let tables = lines.iter().filter(|line| is_header_of_sizes(line)).count();
    if tables < 2 {
        return vec![Section { name: None, heading: text.end(&lines), lines }];
    }
    let mut sections: Vec<Section<'a>> = Vec::with_capacity(tables);
    for line in lines {
        if is_header_of_sizes(&line) {
            let name = Some((sections.len() + 1).to_string());
            sections.push(Section { name, heading: line.span(), lines: Vec::new() });
        }
        if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

fn by_name(lines: Vec<Line<'_>>) -> Vec<Section<'_>> {
    let mut sections = Vec::<Section<'_>>::new();
    for line in lines {
        match (name(&line), sections.last_mut()) {
            (Some(name), _) => {
                let name = Some(name.to_owned());
                sections.push(Section { name, heading: line.span(), lines: Vec::new() });
            }
            (None, Some(section)) => section.lines.push(line),
            (None, None) => {}
        }
    }
    sections
}

/// The name in a line `instance la05`.
fn name<'a>(line: &Line<'a>) -> Option<&'a str> {
    match &line.0[..] {
        [(word, _), (name, _)] if word.eq_ignore_ascii_case("instance") => Some(name.trim_end_matches(':')),
        _ => None,
    }
}

/// Whether a line names the numbers of the next line, as Taillard's tables do: `Nb of jobs, Nb of Machines, …`.
pub fn is_header_of_sizes(line: &Line<'_>) -> bool {
    let text = line.lower_case();
    !line.has_numbers() && text.contains(',') && text.contains("jobs") && text.contains("machines")
}
