//! Tables for people, as wide as the terminal allows, and texts in lines.

use setpoint_terminal::{StandardOutput, visible_in_line};

/// Columns that a cell of text keeps, however narrow the terminal is.
pub const TEXT_MIN: usize = 16;
/// Columns between two cells, and before the first one.
const GAP: usize = 2;

/// A table with aligned columns: the first to the left, the others to the right. A cell is one line. On a terminal that is too
/// narrow the columns follow below each other in several tables, each with the first column.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    within(header, rows, StandardOutput::columns())
}

fn within(header: &[&str], rows: &[Vec<String>], columns: Option<usize>) -> String {
    let visible = |cell: &str| visible_in_line(cell).into_owned();
    let header: Vec<String> = header.iter().map(|cell| visible(cell)).collect();
    let mut rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()).collect();
    // A long label leaves room for one number at least.
    if let Some(columns) = columns {
        rows.iter_mut().filter_map(|row| row.first_mut()).for_each(|label| cap(label, columns / 2));
    }
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([header[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let parts = parts(&widths, columns);
    let part = |part: &Vec<usize>| {
        let of = |cells: &[String]| -> Vec<String> {
            part.iter().filter_map(|column| cells.get(*column).cloned()).collect()
        };
        let widths: Vec<usize> = part.iter().map(|column| widths[*column]).collect();
        let rows: Vec<Vec<String>> = rows.iter().map(|row| of(row)).collect();
        aligned(&of(&header), &widths, &rows)
    };
    parts.iter().map(part).collect::<Vec<_>>().join("\n\n")
}

/// The columns of each table: the first one, then as many as fit, at least one.
fn parts(widths: &[usize], columns: Option<usize>) -> Vec<Vec<usize>> {
    let all: Vec<usize> = (0..widths.len()).collect();
    let Some(columns) = columns else { return vec![all] };
    let Some((first, others)) = all.split_first() else { return vec![all] };
    let mut parts: Vec<Vec<usize>> = Vec::new();
    let mut taken = 0;
    for column in others {
        let width = GAP + widths[*column];
        match parts.last_mut() {
            Some(part) if taken + width <= columns => {
                part.push(*column);
                taken += width;
            }
            _ => {
                parts.push(vec![*first, *column]);
                taken = GAP + widths[*first] + width;
            }
        }
    }
    if parts.is_empty() { vec![all] } else { parts }
}

/// Shortens a label.
fn cap(label: &mut String, width: usize) {
    if label.chars().count() > width.max(TEXT_MIN) {
        *label = label.chars().take(width.max(TEXT_MIN) - 1).chain(['…']).collect();
    }
}

fn aligned(header: &[String], widths: &[usize], rows: &[Vec<String>]) -> String {
    let format_row = |cells: &[String]| {
        let cell = |(index, (cell, width)): (usize, (&String, &usize))| {
            if index == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        };
        let cells: Vec<String> = cells.iter().zip(widths).enumerate().map(cell).collect();
        format!("  {}", cells.join("  ")).trim_end().to_owned()
    };
    let mut lines = vec![format_row(header)];
    lines.push(rule(widths));
    lines.extend(rows.iter().map(|row| format_row(row)));
    lines.join("\n")
}

fn rule(widths: &[usize]) -> String {
    format!("  {}", widths.iter().map(|width| "─".repeat(*width)).collect::<Vec<_>>().join("  "))
}

/// A table of texts: every column to the left and wrapped to its width in characters, less on a narrow terminal.
pub fn wrapped_table(header: &[&str], widths: &[usize], rows: &[Vec<String>]) -> String {
    let widths = shrunk(widths, StandardOutput::columns());
    let format_row = |cells: &[String]| {
        let cells: Vec<Vec<String>> =
            cells.iter().zip(&widths).map(|(cell, width)| wrapped(cell, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        let line = |index: usize| {
            let cell = |(lines, width): (&Vec<String>, &usize)| {
                format!("{:<width$}", lines.get(index).map_or("", String::as_str))
            };
            let cells: Vec<String> = cells.iter().zip(&widths).map(cell).collect();
            format!("  {}", cells.join("  ")).trim_end().to_owned()
        };
        (0..height).map(line).collect::<Vec<_>>().join("\n")
    };
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let rows = rows.iter().map(|row| format_row(row));
    [format_row(&header), rule(&widths)].into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Takes from the widest column until all fit.
fn shrunk(widths: &[usize], columns: Option<usize>) -> Vec<usize> {
    let mut widths = widths.to_vec();
    let Some(columns) = columns else { return widths };
    while widths.iter().map(|width| GAP + width).sum::<usize>() > columns {
        match widths.iter_mut().filter(|width| **width > TEXT_MIN).max() {
            Some(widest) => *widest -= 1,
            None => break,
        }
    }
    widths
}

/// A text whose sentences fit into `columns`; the later lines of a sentence stand under its first word. A line with a command to
/// paste, or with columns of its own, stays as it is.
pub fn folded(text: &str, columns: usize) -> String {
    let fold = |line: &str| {
        let indent = line.chars().take_while(|letter| !letter.is_alphanumeric()).count();
        let (mark, rest) = line.split_at(line.char_indices().nth(indent).map_or(line.len(), |(at, _)| at));
        let room = columns.saturating_sub(indent);
        if line.chars().count() <= columns || rest.contains("  ") || rest.contains('`') || room < TEXT_MIN {
            return line.to_owned();
        }
        let below = format!("\n{}", " ".repeat(indent));
        format!("{mark}{}", wrapped(rest, room).join(&below))
    };
    text.split('\n').map(fold).collect::<Vec<_>>().join("\n")
}

/// A text as lines of at most `width` characters, broken between words; a longer word stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_continue_below_and_commands_stay_whole() {
        let text = "✓ it keeps trying things\n\n  ✗ one    two    three four";
        assert_eq!(folded(text, 20), "✓ it keeps trying\n  things\n\n  ✗ one    two    three four");
        let command = "repeat it with `setpoint train --resume`";
        assert_eq!(folded(command, 20), command);
        assert_eq!(folded("it keeps trying things", 80), "it keeps trying things");
    }

    #[test]
    fn a_long_word_stays_whole() {
        assert_eq!(wrapped("it is unbreakable", 4), ["it", "is", "unbreakable"]);
    }

    fn rows(rows: &[&[&str]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn a_narrow_terminal_gets_the_columns_below_each_other() {
        let rows = rows(&[&["return", "1,234", "−5"], &["signal of a name that is long", "1", "2"]]);
        let narrow = within(&["", "policy", "baseline"], &rows, Some(32));
        let expected = "                    policy\n  ────────────────  ──────\n  return             1,234\n  signal of a nam…       1\n\n                    baseline\n  ────────────────  ────────\n  return                  −5\n  signal of a nam…         2";
        assert_eq!(narrow, expected);
        assert!(narrow.lines().all(|line| line.chars().count() <= 32));
        let wide = within(&["", "policy", "baseline"], &rows, Some(80));
        assert_eq!(wide, within(&["", "policy", "baseline"], &rows, None));
        assert_eq!(wide.lines().count(), 4);
    }

    #[test]
    fn texts_give_way_to_a_narrow_terminal() {
        assert_eq!(shrunk(&[10, 50, 40], Some(80)), [10, 32, 32]);
        assert_eq!(shrunk(&[10, 50, 40], Some(200)), [10, 50, 40]);
        assert_eq!(shrunk(&[10, 50, 40], Some(10)), [10, 16, 16], "a text stays readable");
    }

    #[test]
    fn cells_wrap_between_words() {
        let rows = [vec!["sac".to_owned(), "it keeps trying things".to_owned()]];
        let expected = "  a    b\n  ───  ──────────\n  sac  it keeps\n       trying\n       things";
        assert_eq!(wrapped_table(&["a", "b"], &[3, 10], &rows), expected);
    }

    #[test]
    fn a_cell_with_control_characters_stays_in_its_column() {
        let row = |name: &str, value: &str| vec![name.to_owned(), value.to_owned()];
        let rows = [row("pump\u{1b}[7m", "1"), row("two\nlines\u{85}", "22")];
        let lines: Vec<String> = table(&["name", "litres"], &rows).lines().map(str::to_owned).collect();
        let expected = [
            "  name        litres",
            "  ──────────  ──────",
            "  pump␛[7m         1",
            "  two␊lines\u{fffd}      22",
        ];
        assert_eq!(lines, expected);
    }
}
