//! The log of a bottling line as a historian exports it: five tags, four interventions, a row per minute.
#![allow(dead_code, reason = "each test file compiles this module and uses a part of it")]

use std::fmt::Write;

use setpoint_random::Stream;

/// Rows of the whole log.
pub const ROWS: usize = 20_000;

/// The line: a fast line rejects more bottles, and so does a dirty filler, whose pressure rises.
struct Line {
    speed: f32,
    dirt: f32,
    temperature: f32,
}

impl Line {
    fn new() -> Self {
        Self { speed: 200.0, dirt: 0.1, temperature: 12.0 }
    }

    /// A minute after an intervention; cleaning stops the line for it.
    fn minute(&mut self, intervention: &str, random: &mut Stream) {
        match intervention {
            "Speed up" => self.speed = (self.speed + 15.0).min(300.0),
            "Slow down" => self.speed = (self.speed - 15.0).max(100.0),
            "Clean" => {
                self.dirt = 0.05;
                self.speed = 100.0;
            }
            _ => {}
        }
        self.dirt = (self.dirt + 0.004 + 0.01 * random.unit()).min(1.0);
        self.temperature += 0.1 * (12.0 - self.temperature) + 0.2 * random.normal();
    }

    fn pressure(&self, random: &mut Stream) -> f32 {
        2.0 + 1.5 * self.dirt + 0.02 * random.normal()
    }

    fn rejects(&self, random: &mut Stream) -> f32 {
        let speed = (self.speed - 100.0) / 200.0;
        (2.0 + 40.0 * self.dirt * speed + 0.5 * random.normal()).max(0.0)
    }
}

/// The operators clean a filler of high pressure, and change the speed by habit and mood.
fn operator(line: &Line, random: &mut Stream) -> &'static str {
    let mood = random.unit();
    match mood {
        _ if line.dirt > 0.8 && mood < 0.5 => "Clean",
        mood if mood < 0.02 => "Clean",
        mood if mood < 0.15 => "Speed up",
        mood if mood < 0.25 => "Slow down",
        _ => "None",
    }
}

fn decimal_comma(value: f32, decimals: usize) -> String {
    format!("{value:.decimals$}").replace('.', ",")
}

/// The log with the quirks of a historian: a title above the header, decimal commas, day before month, words for values that were
/// not read, a column of quality, a counter, a constant, and a night without rows now and then.
pub fn historian_log(rows: usize) -> String {
    let mut random = Stream::new(11, "bottling line", 0);
    let mut line = Line::new();
    let mut text = "\u{feff}Export of line 3\n\
                    Timestamp;Filler pressure [bar];Line speed [1/min];Product temperature;Rejects [1/min];Good bottles [1/min];\
                    Intervention;Quality;Bottles total;Plant\n"
        .to_owned();
    let mut total = 1_000_000.0_f32;
    let (mut minute, mut shift) = (0_u32, 0);
    for row in 0..rows {
        let rejects = line.rejects(&mut random);
        let good = line.speed - rejects;
        total += good;
        let pressure = match random.below(500) {
            0 => "I/O Timeout".to_owned(),
            1 => String::new(),
            _ => decimal_comma(line.pressure(&mut random), 3),
        };
        let quality = if random.below(400) == 0 { "Bad" } else { "Good" };
        let intervention = operator(&line, &mut random);
        let (day, hour) = (minute / 1440, minute % 1440 / 60);
        writeln!(
            text,
            "{:02}.{:02}.2026 {hour:02}:{:02}:00;{pressure};{};{};{};{};{intervention};{quality};{total:.0};P3",
            day % 28 + 1,
            day / 28 + 1,
            minute % 60,
            decimal_comma(line.speed, 1),
            decimal_comma(line.temperature, 2),
            decimal_comma(rejects, 2),
            decimal_comma(good, 2),
        )
        .unwrap();
        line.minute(intervention, &mut random);
        minute += 1;
        // Three shifts of work, then a night without the line.
        if row % 900 == 899 {
            minute += 540;
            shift += 1;
            if shift % 2 == 0 {
                line = Line::new();
            }
        }
    }
    text
}

/// A project of the line as a person writes it; `process` is the text of `[process]` after its kind, `rest` follows.
pub fn project(kind: &str, rest: &str) -> String {
    format!(
        r#"[decision]
name = "bottling"
controls = "the intervention of each minute"
mode = "advisory"
reward_delay = "1 step"
deployment = "as a recommendation on the operators' screen"
success = "5 % more good bottles than the operators' rule"
[process]
kind = "{kind}"
max_steps = 60
[reward]
good = 0.02
rejects = -0.1
[data]
file = "line.csv"
time = "Timestamp"
quality = "Quality"
episode_rows = 60
[[feature]]
name = "pressure"
unit = "bar"
low = 1.5
high = 4.0
reference = 2.4
column = "Filler pressure [bar]"
[[feature]]
name = "speed"
unit = "1/min"
low = 90
high = 310
scale = 100
offset = 200
column = "Line speed [1/min]"
[[feature]]
name = "temperature"
unit = "°C"
low = 5
high = 20
column = "Product temperature"
[[feature]]
name = "rejects"
unit = "1/min"
low = 0
high = 60
column = "Rejects [1/min]"
[[feature]]
name = "good"
unit = "1/min"
low = 0
high = 320
column = "Good bottles [1/min]"
[[choice]]
name = "wait"
column = "Intervention"
value = "None"
[[choice]]
name = "speed_up"
value = "Speed up"
[[choice]]
name = "slow_down"
value = "Slow down"
[[choice]]
name = "clean"
value = "Clean"
description = "stops the line for a minute"
[[signal]]
name = "good"
[[signal]]
name = "rejects"
[[rule]]
when = {{ feature = "pressure", above = 3.0 }}
do = "clean"
[[rule]]
when = [{{ feature = "speed", below = 180 }}, {{ feature = "rejects", below = 10 }}]
do = "speed_up"
[[rule]]
do = "wait"
[evaluate]
episodes = 10
baselines = ["random", "heuristic"]
{rest}
"#
    )
}
