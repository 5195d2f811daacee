//! Self-contained HTML pages: the document, its sections and tables; charts as SVG.
//!
//! * [`chart`] – pictures as SVG text; [`frame`] – axes and grid of a learning curve; [`axis`] – the numbers of an axis

use setpoint_statistics::{Interval, number};

pub mod axis;
pub mod chart;
pub mod frame;

const STYLE: &str = include_str!("style.css");

/// A whole self-contained page: a title (not yet HTML), the kind of the page, the headline below the title, the sections.
pub fn document(title: &str, kind: &str, headline: &str, sections: &str) -> String {
    let title = escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{title} – {kind}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header>\n<p class=\"kicker\">{kind}</p>\n<h1>{title}</h1>\n{headline}</header>\n{sections}</main>\n</body>\n</html>\n"
    )
}

/// A section of a page: its title and its body, already HTML.
pub fn section(title: &str, body: &str) -> String {
    format!("<section>\n<h2>{title}</h2>\n{body}</section>\n")
}

/// A table in its own scrolling box; cells are already HTML.
pub fn table(header: &[String], rows: &[Vec<String>]) -> String {
    let cells = |cells: &[String], tag: &str| {
        let scope = if tag == "th" { " scope=\"col\"" } else { "" };
        cells.iter().map(|cell| format!("<{tag}{scope}>{cell}</{tag}>")).collect::<String>()
    };
    let body: String = rows
        .iter()
        .map(|row| {
            let (first, rest) = row.split_first().map_or((String::new(), &[][..]), |(a, b)| (a.clone(), b));
            format!("<tr><th scope=\"row\">{first}</th>{}</tr>\n", cells(rest, "td"))
        })
        .collect();
    format!(
        "<div class=\"scroll\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n",
        cells(header, "th")
    )
}

/// A figure with its interval, as a cell of a table.
pub fn with_interval(value: f64, interval: Interval) -> String {
    format!("<b>{}</b><small>{} to {}</small>", number(value), number(interval.low), number(interval.high))
}

/// As [`with_interval`]; "–" without a value.
pub fn maybe_with_interval(value: Option<f64>, interval: Option<Interval>) -> String {
    match (value, interval) {
        (Some(value), Some(interval)) => with_interval(value, interval),
        _ => number(f64::NAN),
    }
}

/// Escapes a text for HTML.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_harmless() {
        assert_eq!(escape("<script>\"&'"), "&lt;script&gt;&quot;&amp;&#39;");
    }
}
