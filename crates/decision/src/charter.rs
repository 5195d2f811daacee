//! The charter: the subject of the decision, its mode, the delay of the reward, the deployment, and the proof.

use std::fmt;

use serde::{Deserialize, Serialize};
use toml::Table;

use crate::Diagnostic;
use crate::section::Section;
use crate::table::{table, text};

/// `[decision]`. Answers may be missing in a new project; `setpoint check` asks for them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charter {
    /// Name of the decision; the folder's name if the file has none.
    pub name: String,
    /// What exactly is controlled.
    pub controls: Option<String>,
    /// Who acts.
    pub mode: Option<Mode>,
    /// How soon the reward of an action shows.
    pub reward_delay: Option<RewardDelay>,
    /// How it is deployed without re-architecting the plant.
    pub deployment: Option<String>,
    /// What lift on one process proves it.
    pub success: Option<String>,
}

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It recommends, a person acts.
    Advisory,
    /// It acts by itself.
    Automatic,
}

impl Mode {
    /// As the project file writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Advisory => "advisory",
            Self::Automatic => "automatic",
        }
    }
}

/// How soon the reward of an action shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RewardDelay {
    /// In the step of the action.
    SameStep,
    /// This number of steps later.
    Steps(u32),
    /// Only at the end of the episode.
    EndOfEpisode,
}

impl RewardDelay {
    /// The texts that the project file may contain.
    pub const EXPECTED: &str = "\"same step\", \"N steps\" or \"end of episode\"";

    /// Parses `same step`, `12 steps` or `end of episode`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "same step" => Some(Self::SameStep),
            "end of episode" => Some(Self::EndOfEpisode),
            other => {
                let count = other.strip_suffix("steps").or_else(|| other.strip_suffix("step"))?;
                count.trim().parse().ok().map(Self::Steps)
            }
        }
    }
}

impl fmt::Display for RewardDelay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameStep => formatter.write_str("same step"),
            Self::Steps(steps) => write!(formatter, "{steps} steps"),
            Self::EndOfEpisode => formatter.write_str("end of episode"),
        }
    }
}

/// One line of `setpoint check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether the check passed.
    pub passed: bool,
    /// Whether it is a warning: the check passed, but the user should look at it.
    #[serde(default)]
    pub warning: bool,
    /// The subject of the check, in one or two words.
    pub subject: String,
    /// The result; for a failure or a warning also the remedy.
    pub message: String,
}

impl Finding {
    /// The check passed.
    pub fn pass(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { passed: true, warning: false, subject: subject.into(), message: message.into() }
    }

    /// The check passed, but the result is probably not intended.
    pub fn warn(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { passed: true, warning: true, subject: subject.into(), message: message.into() }
    }

    /// The check failed.
    pub fn fail(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { passed: false, warning: false, subject: subject.into(), message: message.into() }
    }
}

impl Charter {
    /// The five questions with their answers, in the order of the file.
    pub fn answers(&self) -> [(&'static str, Option<String>); 5] {
        let mode = self.mode.map(|mode| match mode {
            Mode::Advisory => "advisory: it recommends, a person acts".to_owned(),
            Mode::Automatic => "automatic: it acts by itself, within its constraints".to_owned(),
        });
        [
            ("What exactly is controlled?", self.controls.clone()),
            ("Advisory or automatic?", mode),
            ("How soon does the reward show?", self.reward_delay.map(|delay| delay.to_string())),
            ("How is it deployed without re-architecting the plant?", self.deployment.clone()),
            ("What lift on one process proves it?", self.success.clone()),
        ]
    }

    /// Keys of the project file that hold the answers, in the same order.
    pub const KEYS: [&'static str; 5] = ["controls", "mode", "reward_delay", "deployment", "success"];

    /// Checks the charter: five answers, bounds for an automatic decision, a reward within the episode.
    pub fn check(&self, constraints: usize, max_steps: Option<u32>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for ((question, answer), key) in self.answers().into_iter().zip(Self::KEYS) {
            findings.push(match answer {
                Some(answer) if key == "success" && !is_measurable(&answer) => {
                    let advice = "names no figure with its unit: write how much of which quantity, against which \
                                  baseline, such as \"10 % more parts per hour than the present rule\"";
                    Finding::warn(question, format!("\"{answer}\" {advice}"))
                }
                Some(answer) => Finding::pass(question, answer),
                None => Finding::fail(question, format!("not answered: write `{key}` in [decision]")),
            });
        }
        if self.mode == Some(Mode::Automatic) {
            findings.push(if constraints == 0 {
                let advice =
                    "an automatic decision needs at least one [[constraint]], or mode = \"advisory\"";
                Finding::fail("automatic mode", advice)
            } else {
                Finding::pass("automatic mode", format!("bounded by {constraints} constraint(s)"))
            });
        }
        if let (Some(RewardDelay::Steps(delay)), Some(max_steps)) = (self.reward_delay, max_steps) {
            findings.push(if delay > max_steps {
                Finding::fail(
                    "reward delay",
                    format!(
                        "the reward shows after {delay} steps, but an episode ends after {max_steps}: raise \
                         max_steps in [process], or no action gets its reward"
                    ),
                )
            } else {
                Finding::pass("reward delay", format!("{delay} of the {max_steps} steps of an episode"))
            });
        }
        findings
    }
}

/// Whether a proof can be measured: a figure with words or a sign after it, or a whole sentence that names the quantity.
fn is_measurable(success: &str) -> bool {
    const SENTENCE_WORDS: usize = 5;
    let has_figure = success.contains(|character: char| character.is_ascii_digit());
    let has_unit =
        success.contains(|character: char| character.is_alphabetic() || "%‰€$£¥°".contains(character));
    (has_figure && has_unit) || success.split_whitespace().count() >= SENTENCE_WORDS
}

/// Reads `[decision]`; the decision is called `fallback` where the file gives no name.
pub(crate) fn read(section: &Section<'_>, fallback: &str) -> Result<Charter, Box<Diagnostic>> {
    let mode = section.choice("mode", &["advisory", "automatic"], "who acts")?;
    let reward_delay = match section.string("reward_delay", "how soon the reward of an action shows")? {
        None => None,
        Some(text) => Some(RewardDelay::parse(&text).ok_or_else(|| {
            section.error(
                "reward_delay",
                &format!("`{text}` is not a reward delay"),
                &format!("expected {}", RewardDelay::EXPECTED),
                "a delay is counted in decision steps",
            )
        })?),
    };
    let charter = Charter {
        name: section.string("name", "name of the decision")?.unwrap_or_else(|| fallback.to_owned()),
        controls: section.string("controls", "what exactly is controlled")?,
        mode: mode.map(|mode| if mode == "automatic" { Mode::Automatic } else { Mode::Advisory }),
        reward_delay,
        deployment: section.string("deployment", "how it is deployed without re-architecting the plant")?,
        success: section.string("success", "what lift on one process proves it")?,
    };
    section.finish()?;
    Ok(charter)
}

pub(crate) fn to_toml(charter: &Charter) -> Table {
    table([
        ("name", text(&charter.name)),
        ("controls", charter.controls.as_deref().and_then(text)),
        ("mode", charter.mode.and_then(|mode| text(mode.as_str()))),
        ("reward_delay", charter.reward_delay.and_then(|delay| text(&delay.to_string()))),
        ("deployment", charter.deployment.as_deref().and_then(text)),
        ("success", charter.success.as_deref().and_then(text)),
    ])
}
