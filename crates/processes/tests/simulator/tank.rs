//! A simulator in the protocol of `docs/program.md`, for tests: a tank with a random inflow. It is a program of its own, which
//! tests compile with rustc, so it needs no crate; and a module of the tests, which step [`Tank`] themselves.
//!
//! Its arguments: `batch`, `binary`, `saves`, `masked`, `alone` (one environment a process), and the name of a fault that it has
//! from its third step on, or from its start. It writes the lines of both sides into the file of the option `record`.

use std::io::{BufRead, Read, Write};

/// The number of steps of an episode.
pub const STEPS: u32 = 50;

/// One environment.
#[derive(Clone, Debug)]
pub struct Tank {
    pub level: f32,
    pub steps: u32,
    random: u64,
}

impl Tank {
    pub fn new(seed: u64) -> Self {
        let mut tank = Self { level: 0.0, steps: 0, random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 };
        tank.level = 4.0 + 2.0 * tank.uniform();
        tank
    }

    /// Xorshift: 24 bits of it.
    fn uniform(&mut self) -> f32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Opens the valve with choice 1; the setting is the flow. Returns whether the tank has overflowed.
    pub fn step(&mut self, choice: u32, flow: f32) -> bool {
        self.steps += 1;
        let inflow = 2.0 * self.uniform();
        let outflow = if choice == 1 { flow } else { 0.0 };
        self.level = (self.level + inflow - outflow).clamp(0.0, 10.0);
        self.level >= 10.0
    }

    pub fn observation(&self) -> [f32; 2] {
        [self.level, self.steps as f32]
    }

    pub fn signals(&self) -> [f32; 2] {
        [f32::from(u8::from((3.0..7.0).contains(&self.level))), (self.level - 5.0).abs()]
    }
}

/// The program.
struct Program {
    arguments: Vec<String>,
    tanks: Vec<Option<Tank>>,
    record: Option<std::fs::File>,
}

const DESCRIPTION: &str = r#"{"name": "tank", "summary": "a tank with a random inflow", "features": [
{"name": "level", "unit": "m", "low": 0, "high": 10, "description": "level of the tank"},
{"name": "steps", "low": 0, "high": 1000, "reference": 1}],
"choices": [{"name": "close"}, {"name": "open", "description": "opens the valve"}],
"settings": [{"name": "flow", "unit": "m", "low": 0, "high": 4, "description": "flow of the open valve"}],
"signals": [{"name": "good", "low": 0, "high": 1, "aggregate": "share"}, {"name": "miss", "unit": "m", "low": 0}],
"reward": {"good": 1.0, "miss": -0.1}, "termination": "failure", "max_steps": 50"#;

impl Program {
    fn has(&self, argument: &str) -> bool {
        self.arguments.iter().any(|own| own == argument)
    }

    fn describe(&self) -> String {
        let mut text = DESCRIPTION.replace('\n', " ");
        for (argument, key) in
            [("batch", "batch"), ("binary", "binary"), ("saves", "saves"), ("masked", "masked")]
        {
            text += &format!(", \"{key}\": {}", self.has(argument));
        }
        if self.has("alone") {
            text += ", \"environments\": 1";
        }
        if self.has("another-description") {
            text = text.replace("\"tank\"", &format!("\"tank {}\"", std::process::id()));
        }
        for (fault, from, to) in [
            ("a-wrong-key", "\"high\": 10", "\"hight\": 10"),
            ("bounds-the-wrong-way", "\"high\": 10,", "\"high\": -10,"),
            ("a-wrong-name", "\"name\": \"level\"", "\"name\": \"Tank Level\""),
            ("two-names-alike", "\"name\": \"steps\"", "\"name\": \"level\""),
            ("no-unit-as-text", "\"unit\": \"m\"", "\"unit\": 3"),
            ("a-setting-without-bounds", "\"high\": 4, ", ""),
            ("a-reward-without-signal", "\"good\": 1.0", "\"god\": 1.0"),
        ] {
            if self.has(fault) {
                text = text.replace(from, to);
            }
        }
        text + "}"
    }

    fn tank(&mut self, lane: usize) -> &mut Tank {
        self.tanks[lane].as_mut().expect("a reset before the first step")
    }

    fn reset(&mut self, lane: usize, seed: u64) {
        let seed = match () {
            () if self.has("ignores-the-seed") => 7,
            () if self.has("its-own-random-numbers") => {
                seed ^ std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64
            }
            () => seed,
        };
        if self.tanks.len() <= lane {
            self.tanks.resize(lane + 1, None);
        }
        let mut tank = Tank::new(seed);
        if self.has("keeps-something")
            && let Some(old) = &self.tanks[lane]
        {
            tank.level = old.level;
        }
        self.tanks[lane] = Some(tank);
    }

    fn mask(&mut self, lane: usize) -> [bool; 2] {
        let level = self.tank(lane).level;
        if self.has("allows-nothing") && self.tank(lane).steps == 3 {
            [false; 2]
        } else {
            [true, level > 2.0]
        }
    }

    /// An answer about an environment.
    fn row(&mut self, lane: usize, over: Option<bool>) -> String {
        let tank = self.tank(lane).clone();
        let mut observation = tank.observation().map(|value| value.to_string()).to_vec();
        let mut signals = tank.signals().map(|value| value.to_string()).to_vec();
        let mut own = lane;
        let mut more = over.map_or(String::new(), |over| format!(", \"terminated\": {over}"));
        if self.has("masked") {
            let [close, open] = self.mask(lane);
            more += &format!(", \"allowed\": [{close}, {open}]");
        }
        if tank.steps == 3 {
            for fault in self.arguments.clone() {
                match fault.as_str() {
                    "too-few-features" => drop(observation.pop()),
                    "too-many-signals" => signals.push("0".to_owned()),
                    "nan" => observation[0] = "NaN".to_owned(),
                    "infinite" => observation[0] = "-Infinity".to_owned(),
                    "null" => signals[1] = "null".to_owned(),
                    "too-large" => signals[1] = "1e39".to_owned(),
                    "out-of-bounds" => observation[0] = "10.5".to_owned(),
                    "a-text-as-number" => observation[0] = "\"4.5\"".to_owned(),
                    "another-lane" => own += 1,
                    "no-terminated" => more = more.replace(", \"terminated\": false", ""),
                    "a-misspelt-key" => more = more.replace("terminated", "terminate"),
                    "an-error" => return "{\"error\": \"the valve is stuck\"}".to_owned(),
                    "a-number-as-flag" => more = more.replace("false", "0"),
                    _ => {}
                }
            }
        }
        let (observation, signals) = (observation.join(", "), signals.join(", "));
        format!("{{\"lane\": {own}, \"observation\": [{observation}], \"signals\": [{signals}]{more}}}")
    }

    /// The answer to a line, which may be recorded.
    fn recorded(&mut self, request: &str) -> String {
        if let Some((_, rest)) = request.split_once("\"record\":\"") {
            let path = rest.split('"').next().unwrap();
            self.record = Some(std::fs::File::options().create(true).append(true).open(path).unwrap());
        }
        let answer = self.answer(request);
        if let Some(file) = &mut self.record {
            file.write_all(format!("{request}\n{answer}\n").as_bytes()).unwrap();
        }
        answer
    }

    /// The answer to a request in JSON. Its form is known, so looking for its keys is enough here.
    fn answer(&mut self, request: &str) -> String {
        let value = |key: &str| {
            let (_, rest) = request.split_once(&format!("\"{key}\":"))?;
            Some(rest.trim_start_matches('['))
        };
        let number = |key: &str| {
            let rest = value(key)?;
            rest[..rest.find([',', ']', '}'])?].parse::<f64>().ok()
        };
        let lane = number("lane").unwrap_or(0.0) as usize;
        match value("request").and_then(|rest| rest.split('"').nth(1)) {
            Some("describe") => self.describe(),
            Some("reset") => {
                self.reset(lane, number("seed").unwrap() as u64);
                self.row(lane, None)
            }
            Some("step") => {
                let (choice, flow) = (number("choices").unwrap() as u32, number("settings").unwrap() as f32);
                let over = self.step(lane, choice, flow);
                self.row(lane, Some(over))
            }
            Some("batch") => {
                let (_, all) = request.split_once("\"requests\":[").unwrap();
                let answers: Vec<String> =
                    all.split("},{").map(|one| self.answer(&format!("{one}}}"))).collect();
                let few = if self.has("few-answers") && answers.len() > 1 { 1 } else { answers.len() };
                format!("{{\"answers\": [{}]}}", answers[..few].join(", "))
            }
            Some("save") => {
                let Tank { level, steps, random } = *self.tank(lane);
                let steps = if self.has("forgets-a-part") { 0 } else { steps };
                format!("{{\"lane\": {lane}, \"state\": [{}, {steps}, \"{random}\"]}}", level.to_bits())
            }
            Some("load") => {
                let state = value("state").unwrap();
                let parts: Vec<&str> =
                    state.split([',', ']']).map(|part| part.trim_matches(['"', ' '])).collect();
                if self.tanks.len() <= lane {
                    self.tanks.resize(lane + 1, None);
                }
                let level = f32::from_bits(parts[0].parse().unwrap());
                let (steps, random) = (parts[1].parse().unwrap(), parts[2].parse().unwrap());
                self.tanks[lane] = Some(Tank { level, steps, random });
                format!("{{\"lane\": {lane}, \"ok\": true}}")
            }
            Some("binary") => "{\"ok\": true}".to_owned(),
            _ if self.has("dies-of-the-unknown") => panic!("an unknown request"),
            other => format!("{{\"error\": \"there is no request {other:?}\"}}"),
        }
    }

    /// A step, with the faults of a whole process.
    fn step(&mut self, lane: usize, choice: u32, flow: f32) -> bool {
        let lane = if self.has("shares-its-state") { 0 } else { lane };
        let over = self.tank(lane).step(choice, flow);
        if self.tank(lane).steps == 3 {
            let mut out = std::io::stdout();
            for fault in &self.arguments {
                match fault.as_str() {
                    "dies" => {
                        eprintln!("out of licences");
                        std::process::exit(7);
                    }
                    "hangs" => std::thread::sleep(std::time::Duration::from_secs(3600)),
                    "prints" => out.write_all(b"debug: step 3\n").unwrap(),
                    "not-utf-8" => out.write_all(b"{\"lane\": 0, \"error\": \"\xff\xfe\"}\n").unwrap(),
                    "megabytes" => out.write_all(&vec![b'x'; 8 << 20]).unwrap(),
                    "an-empty-line" => out.write_all(b"\n").unwrap(),
                    "drips" => loop {
                        out.write_all(b" ").and_then(|()| out.flush()).unwrap();
                        std::thread::sleep(std::time::Duration::from_millis(5));
                    },
                    _ => {}
                }
            }
        }
        over
    }

    /// Answers frames until the end of the input.
    fn frames(&mut self, input: &mut impl Read, output: &mut impl Write) -> std::io::Result<()> {
        let word =
            |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[4 * at..4 * at + 4].try_into().unwrap());
        let mut head = [0; 12];
        while input.read_exact(&mut head).is_ok() {
            let (kind, count) = (word(&head, 1), word(&head, 2) as usize);
            let mut content = vec![0; word(&head, 0) as usize - 8];
            input.read_exact(&mut content)?;
            if kind == 3 {
                let answer = self.recorded(std::str::from_utf8(&content).unwrap());
                let words = [8 + answer.len() as u32, 3, 0];
                output.write_all(&words.map(u32::to_le_bytes).concat())?;
                output.write_all(answer.as_bytes())?;
                output.flush()?;
                continue;
            }
            let lanes: Vec<usize> = (0..count).map(|row| word(&content, row) as usize).collect();
            let mut outcomes = vec![0; count];
            for (row, lane) in lanes.iter().copied().enumerate() {
                if kind == 1 {
                    self.reset(lane, word(&content, count + row).into());
                } else {
                    let flow = f32::from_bits(word(&content, 2 * count + row));
                    outcomes[row] = u8::from(self.step(lane, word(&content, count + row), flow));
                }
            }
            let mut answer = Vec::new();
            for lane in &lanes {
                answer.extend(self.tank(*lane).observation().map(f32::to_le_bytes).concat());
            }
            for lane in &lanes {
                answer.extend(self.tank(*lane).signals().map(f32::to_le_bytes).concat());
            }
            answer.extend(outcomes);
            if self.has("masked") {
                lanes.iter().for_each(|lane| answer.extend(self.mask(*lane).map(u8::from)));
            }
            if self.has("a-short-frame") && kind == 2 {
                answer.pop();
            }
            let words = [8 + answer.len() as u32, 4, count as u32];
            output.write_all(&words.map(u32::to_le_bytes).concat())?;
            output.write_all(&answer)?;
            output.flush()?;
        }
        Ok(())
    }
}

pub fn main() {
    let mut program =
        Program { arguments: std::env::args().skip(1).collect(), tanks: Vec::new(), record: None };
    if program.has("dies-at-its-start") {
        eprintln!("no model file");
        std::process::exit(3);
    }
    if program.has("greets") {
        println!("Tank simulator 2.1, (c) 1998");
    }
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout());
    let mut line = String::new();
    while input.read_line(&mut line).is_ok_and(|count| count > 0) {
        let answer = program.recorded(line.trim_end());
        let twice = program.has("answers-twice") && line.contains("step");
        let text = if twice { format!("{answer}\n{answer}\n") } else { format!("{answer}\n") };
        output.write_all(text.as_bytes()).and_then(|()| output.flush()).expect("somebody reads");
        if line.contains("\"binary\"") {
            program.frames(&mut input, &mut output).expect("whole frames");
            return;
        }
        line.clear();
    }
    if program.has("never-ends") {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}
