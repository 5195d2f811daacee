//! The proofs: one row per project and algorithm.

use serde_json::Value;

/// The figure of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// Mean return of an episode; more is better.
    Return,
    /// Mean of a signal; less is better.
    Signal(&'static str),
}

/// The target of the figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// No target: the row compares only with the peer.
    None,
    /// A number.
    Floor(f64),
    /// Strictly better than the best of these baselines of the same evaluation.
    Beats(&'static [&'static str]),
    /// At most so many percent worse than a baseline of the same evaluation.
    Within(&'static str, f64),
}

/// One row.
pub struct Row {
    pub name: &'static str,
    /// Folder below `projects/`.
    pub project: &'static str,
    pub algorithm: &'static str,
    /// Environment steps; the project's own where absent.
    pub steps: Option<u64>,
    pub figure: Figure,
    pub bar: Target,
    /// Whether Stable-Baselines3 can be trained on the same problem.
    pub peer: bool,
    /// What others published, and where.
    pub published: &'static str,
}

/// A row on a classical problem: return, compared with Stable-Baselines3.
const fn classical(
    name: &'static str,
    project: &'static str,
    algorithm: &'static str,
    steps: u64,
    bar: Target,
    published: &'static str,
) -> Row {
    Row { name, project, algorithm, steps: Some(steps), figure: Figure::Return, bar, peer: true, published }
}

/// A row on an environment whose published figures are the measure.
const fn solved(
    name: &'static str,
    project: &'static str,
    algorithm: &'static str,
    steps: u64,
    floor: f64,
    published: &'static str,
) -> Row {
    Row { peer: false, ..classical(name, project, algorithm, steps, Target::Floor(floor), published) }
}

/// A row on one of our own decisions, against its baselines.
const fn industrial(project: &'static str, figure: Figure, bar: Target, published: &'static str) -> Row {
    Row { name: project, project, algorithm: "ppo", steps: None, figure, bar, peer: false, published }
}

/// Five dispatching rules.
const RULES: &[&str] = &["mwkr", "spt", "lpt", "mopnr", "fifo"];

/// In the order in which they are measured: what takes longest comes last.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    classical("cart-pole-ppo", "cart-pole", "ppo", 100_000, Target::Floor(475.0), "500.0 ± 0.0, rl-zoo3"),
    classical("cart-pole-dqn", "cart-pole", "dqn", 50_000, Target::Floor(475.0), "500.0 ± 0.0, rl-zoo3"),
    classical("pendulum-td3", "pendulum", "td3", 20_000, Target::Floor(-200.0), "−151.9 ± 90.2, rl-zoo3"),
    classical("pendulum-sac", "pendulum", "sac", 20_000, Target::Floor(-200.0), "−157.0 ± 88.7, rl-zoo3"),
    classical("pendulum-ddpg", "pendulum", "ddpg", 20_000, Target::Floor(-200.0), "−152.1 ± 94.3, rl-zoo3"),
    classical("mountain-car-dqn", "mountain-car", "dqn", 120_000, Target::Floor(-130.0), "−100.8 ± 9.9, rl-zoo3"),
    classical("mountain-car-continuous-sac", "mountain-car-continuous", "sac", 50_000, Target::Floor(90.0),
              "94.7 ± 1.1, rl-zoo3 (with gSDE)"),
    classical("acrobot-dqn", "acrobot", "dqn", 100_000, Target::None, "−76.6 ± 11.8, rl-zoo3"),
    classical("pendulum-ppo", "pendulum", "ppo", 100_000, Target::None, "−172.2 ± 104.2, rl-zoo3 (with gSDE)"),
    classical("acrobot-ppo", "acrobot", "ppo", 1_000_000, Target::Floor(-95.0), "−73.5 ± 18.2, rl-zoo3"),
    classical("mountain-car-ppo", "mountain-car", "ppo", 1_000_000, Target::None, "−110.4 ± 19.5, rl-zoo3"),
    classical("cart-pole-blind-ppo", "cart-pole-blind", "ppo", 100_000, Target::Floor(475.0), "500.0 ± 0.0, rl-zoo3 (LSTM)"),
    solved("cart-pole-blind-critic-ppo", "cart-pole-blind-critic", "ppo", 100_000, 475.0, "–"),
    classical("catch-ppo", "catch", "ppo", 100_000, Target::Floor(0.95), "1, the greatest possible"),
    solved("bin-picking-ppo", "bin-picking", "ppo", 400_000, 6.0, "the highest measured point returns 6.97"),
    solved("bin-picking-sac", "bin-picking", "sac", 60_000, 6.0, "the highest measured point returns 6.97"),
    classical("catch-dqn", "catch", "dqn", 50_000, Target::Floor(0.95), "1, the greatest possible"),
    solved("lunar-lander-ppo", "lunar-lander", "ppo", 1_000_000, 200.0, "242.1 ± 31.8, rl-zoo3 (v2)"),
    solved("lunar-lander-continuous-sac", "lunar-lander-continuous", "sac", 500_000, 250.0, "260.4 ± 65.5, rl-zoo3 (v2)"),
    solved("bipedal-walker-sac", "bipedal-walker", "sac", 400_000, 280.0, "297.7 ± 33.1 after 500,000, rl-zoo3 (with gSDE)"),
    classical("half-cheetah-ppo", "half-cheetah", "ppo", 500_000, Target::None, "1443 ± 46 after 1,000,000, CleanRL (v4)"),
    classical("hopper-ppo", "hopper", "ppo", 500_000, Target::None, "2383 ± 272 after 1,000,000, CleanRL (v4)"),
    classical("walker2d-ppo", "walker2d", "ppo", 500_000, Target::None, "2288 ± 572 after 1,000,000, CleanRL (v4)"),
    industrial("job-shop-ft06", Figure::Signal("makespan"), Target::Floor(55.0), "55, the proven optimum"),
    industrial("job-shop", Figure::Signal("makespan"), Target::Beats(RULES), "620.2, the optima's mean"),
    industrial("flexible-job-shop", Figure::Signal("makespan"), Target::Floor(86.0), "–"),
    industrial("warehouse-picking", Figure::Return, Target::Beats(&["nearest-item-first", "s-shape"]), "–"),
    industrial("inventory", Figure::Return, Target::Within("base-stock", 5.0),
               "base-stock is optimal, Clark & Scarf 1960"),
];

/// The trainings of `--quick`, ours alone: about a minute. Cart-pole is the whole row (its step size falls to 0, so that
/// fewer steps are another training); the pendulum has a quarter of its steps, and a floor that a broken learner misses and
/// a correct learner does not, whatever another machine's rounding does.
#[rustfmt::skip]
pub const QUICK: &[Row] = &[
    classical("cart-pole-ppo, quick", "cart-pole", "ppo", 100_000, Target::Floor(475.0), "–"),
    classical("pendulum-sac, quick", "pendulum", "sac", 5_000, Target::Floor(-300.0), "–"),
];

impl Figure {
    /// 1 if more is better, −1 if less is better.
    pub fn sign(self) -> f64 {
        match self {
            Self::Return => 1.0,
            Self::Signal(_) => -1.0,
        }
    }

    /// Its words in the table.
    pub fn words(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Signal(name) => name,
        }
    }

    /// From a policy or baseline of `evaluation.json`.
    pub fn of(self, subject: &Value) -> Option<f64> {
        match self {
            Self::Return => subject["episode_return"]["mean"].as_f64(),
            Self::Signal(name) => {
                let mut signals = subject["signals"].as_array()?.iter();
                signals.find(|signal| signal["name"] == name)?["mean"].as_f64()
            }
        }
    }
}

impl Target {
    /// The number that the figure must reach in this evaluation: a floor, or the figures of the baselines. `None` where
    /// there is no bar, or its baseline is missing.
    pub fn of(self, figure: Figure, evaluation: &Value) -> Option<f64> {
        let baseline = |name: &str| {
            let mut baselines = evaluation["baselines"].as_array()?.iter();
            figure.of(baselines.find(|baseline| baseline["name"] == name)?)
        };
        match self {
            Self::None => None,
            Self::Floor(floor) => Some(floor),
            Self::Beats(names) => {
                let values = names.iter().map(|name| baseline(name)).collect::<Option<Vec<_>>>()?;
                values.into_iter().max_by(|a, b| (figure.sign() * a).total_cmp(&(figure.sign() * b)))
            }
            Self::Within(name, percent) => {
                let value = baseline(name)?;
                Some(value - figure.sign() * percent / 100.0 * value.abs())
            }
        }
    }

    /// Whether a figure is good enough.
    pub fn is_reached(self, figure: Figure, value: f64, bar: f64) -> bool {
        let lead = figure.sign() * (value - bar);
        match self {
            Self::Beats(_) => lead > 0.0,
            // A makespan of 55 is a mean of values of 55: the comparison allows for its rounding.
            _ => lead >= -1e-6 * bar.abs(),
        }
    }

    /// Its words in the table, with the required number.
    pub fn words(self, figure: Figure, bar: Option<f64>) -> String {
        let number = bar.map_or_else(|| "–".to_owned(), short);
        let sign = if figure.sign() > 0.0 { "≥" } else { "≤" };
        match self {
            Self::None => "–".to_owned(),
            Self::Floor(floor) => format!("{sign} {}", short(floor)),
            Self::Beats(names) => format!("better than {} ({number})", names.join(", ")),
            Self::Within(name, percent) => format!("{sign} {name} minus {percent} % ({number})"),
        }
    }
}

/// About four digits, with a true minus sign.
pub fn short(value: f64) -> String {
    let text = match value.abs() {
        magnitude if magnitude >= 1000.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subject(name: &str, episode_return: f64, cost: f64) -> Value {
        json!({ "name": name, "episode_return": { "mean": episode_return },
                "signals": [{ "name": "other", "mean": 0.0 }, { "name": "cost", "mean": cost }] })
    }

    #[test]
    fn bars_take_the_best_baseline_and_know_which_way_is_better() {
        let evaluation = json!({ "baselines": [subject("a", -100.0, 7.0), subject("b", -90.0, 8.0)] });
        let cost = Figure::Signal("cost");
        let both = Target::Beats(&["a", "b"]);
        assert_eq!(both.of(Figure::Return, &evaluation), Some(-90.0));
        assert_eq!(both.of(cost, &evaluation), Some(7.0));
        assert_eq!(Target::Within("a", 5.0).of(Figure::Return, &evaluation), Some(-105.0));
        assert_eq!(Target::Within("a", 10.0).of(cost, &evaluation), Some(7.7));
        assert_eq!(Target::Beats(&["a", "c"]).of(cost, &evaluation), None, "a baseline is missing");
        assert!(!both.is_reached(cost, 7.0, 7.0) && both.is_reached(cost, 6.9, 7.0));
        assert!(Target::Floor(475.0).is_reached(Figure::Return, 475.0, 475.0));
        assert!(!Target::Floor(55.0).is_reached(cost, 55.1, 55.0));
    }

    #[test]
    fn numbers_as_people_write_them() {
        let written = [475.0, -151.96, -0.5, 1226.4, 0.0].map(short);
        assert_eq!(written, ["475", "−152", "−0.5", "1226", "0"]);
    }

    #[test]
    fn rows_have_names_of_their_own_and_a_project() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(ROWS[..index].iter().all(|other| other.name != row.name), "{} twice", row.name);
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let file = root.join("projects").join(row.project).join("setpoint.toml");
            let text = std::fs::read_to_string(&file).expect("a project file");
            let table = format!("[train.{}]", row.algorithm);
            assert!(text.contains(&table), "{} has no {table}", row.project);
        }
    }
}
