//! A bottling line as a program for Setpoint (docs/program.md), in Rust without any crate. After two lines it speaks in frames.
use std::io::{BufRead, Read, Write};

const DESCRIPTION: &str = r#"{"name": "bottling line", "summary": "run a filler slowly or fast, or clean its nozzles",
"features": [{"name": "fouling", "low": 0, "high": 1}, {"name": "hours", "unit": "h", "low": 0, "high": 120}],
"choices": [{"name": "slow"}, {"name": "fast", "description": "the nozzles foul faster"}, {"name": "clean"}],
"signals": [{"name": "good", "unit": "crates", "low": 0, "high": 100}, {"name": "scrap", "unit": "crates"}],
"reward": {"good": 0.01, "scrap": -0.05}, "termination": "failure", "max_steps": 120, "binary": true, "lines": false}"#;

#[derive(Clone, Default)]
struct Line {
    random: u64,
    seen: [f32; 2],
    signals: [f32; 2],
}

impl Line {
    fn step(&mut self, choice: usize) {
        let [fouling, hours] = self.seen;
        let (crates, spoilt) = ([60.0, 100.0, 0.0][choice], fouling * fouling);
        self.signals = [crates - crates * spoilt, crates * spoilt];
        self.random = self.random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let uniform = (self.random >> 40) as f32 / (1_u64 << 24) as f32;
        let fouling = (fouling + [0.01, 0.04, -1.0][choice] * (0.5 + uniform)).clamp(0.0, 1.0);
        self.seen = [fouling, if choice == 2 { 0.0 } else { hours + 1.0 }];
    }
}

fn main() -> std::io::Result<()> {
    let (mut input, mut output, mut lines) = (std::io::stdin().lock(), std::io::stdout(), Vec::<Line>::new());
    for answer in [DESCRIPTION.replace('\n', ""), r#"{"ok": true}"#.into()] {
        input.read_line(&mut String::new())?;
        writeln!(output, "{answer}")?;
    }
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap());
    let mut head = [0; 12];
    while input.read_exact(&mut head).is_ok() {
        let (kind, count) = (word(&head, 1), word(&head, 2) as usize);
        let mut content = vec![0; word(&head, 0) as usize - 8];
        input.read_exact(&mut content)?;
        let (mut observations, mut signals, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..count {
            let (lane, value) = (word(&content, row) as usize, word(&content, count + row));
            lines.resize(lines.len().max(lane + 1), Line::default());
            match kind {
                1 => lines[lane] = Line { random: value.into(), ..Line::default() },
                _ => lines[lane].step(value as usize),
            }
            observations.extend(lines[lane].seen.map(f32::to_le_bytes).concat());
            signals.extend(lines[lane].signals.map(f32::to_le_bytes).concat());
            outcomes.push(u8::from(lines[lane].seen[0] >= 1.0));
        }
        let content = [observations, signals, outcomes].concat();
        let head = [8 + content.len() as u32, 4, count as u32].map(u32::to_le_bytes).concat();
        output.write_all(&[head, content].concat())?;
        output.flush()?;
    }
    Ok(())
}
