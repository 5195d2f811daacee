//! Random tables in random dialects: whatever program wrote a table, it is read as the same log.

use std::fmt::Write;

use setpoint_decision::Project;
use setpoint_decision::spec::{ActionSpace, Feature, Signal, Spec};
use setpoint_log::finding::Severity;
use setpoint_log::read;
use setpoint_log::read::{ReadError, Reading};

mod draws;

use draws::draws;

const TABLES: usize = 2_500;

const PROJECT: &str = r#"
[process]
kind = "kiln"
[reward]
throughput = 1.0
[data]
time = "time"
action = "action"
[data.features]
temperature = "Temperatur [°C]"
pressure = "pressure"
"#;

const HEADER: [&str; 5] = ["time", "Temperatur [°C]", "pressure", "action", "throughput"];
const UNITS: [&str; 5] = ["", "°C", "[bar]", "-", "1/h"];
const CHOICES: [&str; 3] = ["wait", "heat", "drain"];
const WORDS: [&str; 7] = ["", "No Data", "I/O Timeout", "Bad", "#N/A", "NaN", "-"];

fn spec() -> Spec {
    Spec {
        kind: "kiln".to_owned(),
        observation: vec![
            Feature::new("temperature", "°C", -50.0, 90.0, "").ordinarily(60.0),
            Feature::new("pressure", "bar", 0.0, 9.0, "").ordinarily(4.0),
        ],
        action: ActionSpace::choices(&CHOICES.map(|name| (name, ""))),
        signals: vec![Signal::new("throughput", "1/h", 0.0, 40_000.0, "")],
        ..Spec::default()
    }
}

/// A row: minutes since the beginning, hundredths of the two features (absent: a word), choice, throughput in tenths.
struct Row {
    minutes: u64,
    features: [Option<i64>; 2],
    word: usize,
    choice: usize,
    throughput: u64,
}

/// How a program writes.
struct Dialect {
    delimiter: char,
    decimal: char,
    group: Option<char>,
    tenths: bool,
    quotes: u64,
    blanks: bool,
    stated: bool,
    above: u64,
    in_comment: bool,
    units: bool,
    spare: u64,
    empty_rows: u64,
    footer: u64,
    time: u64,
    line_end: &'static str,
    encoding: u64,
    by_name: bool,
}

impl Dialect {
    fn plain() -> Self {
        Self {
            delimiter: ',',
            decimal: '.',
            group: None,
            tenths: false,
            quotes: 0,
            blanks: false,
            stated: false,
            above: 0,
            in_comment: false,
            units: false,
            spare: 0,
            empty_rows: 0,
            footer: 0,
            time: 0,
            line_end: "\n",
            encoding: 0,
            by_name: false,
        }
    }

    fn random(draw: &mut impl FnMut(u64) -> u64, tenths: bool) -> Self {
        let decimal = ['.', ','][draw(2) as usize];
        let other = if decimal == '.' { ',' } else { '.' };
        let group = [None, None, Some(other), Some(' '), Some('\u{a0}'), Some('\u{202f}'), Some('\'')];
        let group = group[draw(7) as usize];
        let encoding = draw(5);
        Self {
            delimiter: [',', ';', '\t', '|'][draw(4) as usize],
            decimal,
            group: group.filter(|mark| encoding != 4 || *mark != '\u{202f}'),
            tenths,
            quotes: draw(3),
            blanks: draw(3) == 0,
            stated: draw(4) == 0,
            above: draw(5),
            in_comment: draw(6) == 0,
            units: draw(3) == 0,
            spare: draw(4),
            empty_rows: draw(3) * draw(4),
            footer: draw(5),
            time: draw(8),
            line_end: ["\n", "\r\n", "\r"][draw(3) as usize],
            encoding,
            by_name: draw(2) == 0,
        }
    }

    fn time(&self, minutes: u64) -> String {
        // From 2026-06-11 22:00 on: the order of day and month shows after two days.
        let all = 10 * 1_440 + 22 * 60 + minutes;
        let (day, hour, minute) = (1 + all / 1_440, all / 60 % 24, all % 60);
        let (half, twelve) = (if hour < 12 { "AM" } else { "PM" }, (hour + 11) % 12 + 1);
        match self.time {
            0 => format!("{minutes}"),
            1 => format!("2026-06-{day:02} {hour:02}:{minute:02}:00"),
            2 => format!("2026-06-{day:02}T{hour:02}:{minute:02}:00Z"),
            3 => format!("{day:02}.06.2026 {hour:02}:{minute:02}"),
            4 => format!("6/{day}/2026 {twelve}:{minute:02}:00 {half}"),
            5 => format!("{day:02}-Jun-26 {hour:02}:{minute:02}:00"),
            6 => format!("{}", 1_780_272_000 + all * 60),
            _ => format!("{:.6}", 46_174.0 + all as f64 / 1_440.0).replace('.', &self.decimal.to_string()),
        }
    }

    fn number(&self, sign: bool, digits: u64, decimals: usize) -> String {
        let text = format!("{digits:0width$}", width = decimals + 1);
        let (whole, fraction) = text.split_at(text.len() - decimals);
        let mut grouped = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if index > 0 && (whole.len() - index).is_multiple_of(3) {
                grouped.extend(self.group);
            }
            grouped.push(digit);
        }
        let mark = if decimals > 0 { self.decimal.to_string() } else { String::new() };
        format!("{}{grouped}{mark}{fraction}", if sign { "-" } else { "" })
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let feature = |value: Option<i64>| match value {
            Some(value) => self.number(value < 0, value.unsigned_abs(), 2),
            None => WORDS[row.word].to_owned(),
        };
        let choice = if self.by_name { CHOICES[row.choice].to_owned() } else { row.choice.to_string() };
        let throughput = if self.tenths {
            self.number(false, row.throughput, 1)
        } else {
            self.number(false, row.throughput / 10, 0)
        };
        vec![self.time(row.minutes), feature(row.features[0]), feature(row.features[1]), choice, throughput]
    }

    fn line(&self, text: &mut String, cells: &[String], spare: bool) {
        let cells = cells.iter().enumerate().map(|(index, cell)| {
            let quoted =
                self.quotes == 2 || cell.contains(self.delimiter) || (self.quotes == 1 && index % 2 == 0);
            let blank = if quoted && self.blanks && index > 0 && self.delimiter != '\t' { " " } else { "" };
            if quoted { format!("{blank}\"{cell}\"") } else { cell.clone() }
        });
        let line = cells.collect::<Vec<_>>().join(&self.delimiter.to_string());
        let spare = if spare { self.delimiter.to_string() } else { String::new() };
        let _ = write!(text, "{line}{spare}{}", self.line_end);
    }

    fn text(&self, rows: &[Row]) -> String {
        let (mut text, end) = (String::new(), self.line_end);
        let pad = self.delimiter.to_string().repeat(4);
        if self.stated {
            let _ = write!(text, "sep={}{end}", self.delimiter);
        }
        let _ = match self.above {
            1 => write!(text, "# logger 7, line 3{end}# 5 columns{end}"),
            2 => write!(text, "Export of line 3{end}{end}Shift: 2{end}"),
            3 => write!(text, "Export of line 3{pad}{end}Shift{}2{}{end}", self.delimiter, &pad[1..]),
            4 => write!(text, "// written by hand{end}"),
            _ => Ok(()),
        };
        if self.in_comment && self.quotes != 2 {
            text += "# ";
        }
        self.line(&mut text, &HEADER.map(str::to_owned), matches!(self.spare, 2 | 3));
        if self.units {
            self.line(&mut text, &UNITS.map(str::to_owned), self.spare == 2);
        }
        for row in rows {
            self.line(&mut text, &self.cells(row), matches!(self.spare, 1 | 2));
        }
        for _ in 0..self.empty_rows {
            let _ = write!(text, "{pad}{end}");
        }
        let _ = match self.footer {
            1 => write!(text, "Total rows: {}{end}", rows.len()),
            2 => write!(text, "{end}({} rows affected){end}", rows.len()),
            3 => write!(text, "End of export{pad}{end}"),
            _ => Ok(()),
        };
        text
    }

    fn bytes(&self, rows: &[Row]) -> Vec<u8> {
        let text = self.text(rows);
        let words = |unit: fn(u16) -> [u8; 2]| {
            "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(unit).collect()
        };
        match self.encoding {
            0 => text.into_bytes(),
            1 => format!("\u{feff}{text}").into_bytes(),
            2 => words(u16::to_le_bytes),
            3 => words(u16::to_be_bytes),
            // All characters of the dialect are Latin-1.
            _ => text.chars().map(|c| c as u8).collect(),
        }
    }
}

fn random_rows(draw: &mut impl FnMut(u64) -> u64) -> Vec<Row> {
    // An hour apart, so that a table lasts two days at least.
    let rows = 48 + draw(30);
    let row = |index: u64| Row {
        minutes: 60 * index,
        features: [draw(9_000) as i64 - 1_000, draw(900) as i64].map(|value| (draw(12) > 0).then_some(value)),
        word: draw(WORDS.len() as u64) as usize,
        choice: draw(3) as usize,
        throughput: 10 * draw(30_000) + draw(10),
    };
    (0..rows).map(row).collect()
}

fn read_bytes(bytes: &[u8]) -> Result<Reading, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.csv");
    std::fs::write(&path, bytes).unwrap();
    let project = Project::from_text("setpoint.toml", PROJECT, &[]).unwrap();
    read(&path, project.data.as_ref(), &spec(), &project.reward, &mut |_| {})
}

/// What a log says, without its lines; NaN is written as such.
fn content(reading: &Reading) -> String {
    let log = &reading.log;
    let faults = reading.audit.findings.iter().filter(|finding| finding.severity != Severity::Note);
    let kinds: Vec<&str> = faults.map(|finding| finding.kind.as_str()).collect();
    format!("{:?} {:?} {:?} {:?} {kinds:?}", log.observations, log.actions, log.signals, log.episodes)
}

#[test]
fn a_table_in_any_dialect_is_the_same_log() {
    let mut draws = draws();
    let mut draw = |below: u64| (draws() >> 33) % below;
    let mut with_thousands = 0;
    for table in 0..TABLES {
        let rows = random_rows(&mut draw);
        let tenths = draw(2) == 0;
        let plain = Dialect { tenths, ..Dialect::plain() };
        let expected = content(&read_bytes(&plain.bytes(&rows)).unwrap());
        let dialect = Dialect::random(&mut draw, tenths);
        let bytes = dialect.bytes(&rows);
        let shown = || dialect.text(&rows).lines().take(9).collect::<Vec<_>>().join("\n");
        let reading =
            read_bytes(&bytes).unwrap_or_else(|error| panic!("table {table}: {error}\n{}", shown()));
        assert!(content(&reading) == expected, "table {table}: {:#?}\n{}", reading.audit.findings, shown());
        with_thousands +=
            usize::from(reading.audit.findings.iter().any(|finding| finding.kind == "thousands"));
    }
    // The dialects do occur: one in seven groups by the other mark, and half of those without decimals.
    assert!(with_thousands > TABLES / 25, "{with_thousands}");
}
