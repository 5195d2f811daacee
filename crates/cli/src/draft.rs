//! A project drafted from a log: the part of each column is a guess, and each guess stands next to its reason.
//!
//! * [`spaces`] – features, actions and signals as text; [`bounds`] – bounds of columns; [`questions`] – what only a person knows

use std::path::{Path, PathBuf};

use serde::Serialize;
use setpoint_decision::Project;
use setpoint_log::Reading;
use setpoint_log::profile::Profile;
use setpoint_log::profile::roles::{Part, Role, Stated, roles};
use setpoint_process::plant;
use toml::Value;

use crate::output::{Failure, number, thousands};

mod bounds;
mod questions;
mod spaces;

use spaces::Spaces;

/// A line of the text that the findings of the audit replace.
const FINDINGS: &str = "# (findings)\n";
/// Episodes that a log without episodes is cut into, about.
const EPISODES: u64 = 100;
/// Least and greatest number of rows of such an episode.
const EPISODE_ROWS: (u64, u64) = (20, 500);
/// The weight of the disagreement of learned networks: a step of rewards has about the size 1.
const UNCERTAINTY_WEIGHT: f64 = -1.0;

/// A log with the parts of its columns.
pub struct Draft {
    /// Its columns.
    pub profile: Profile,
    /// The part of each.
    pub roles: Vec<Role>,
    /// Questions that only a person can answer.
    pub questions: Vec<String>,
    /// The name of the decision.
    name: String,
    /// The log as the project file names it.
    file: String,
    /// The kind of its process.
    kind: String,
}

/// The part of a column, for programs.
#[derive(Serialize)]
pub struct Shown<'a> {
    /// Its heading.
    pub column: &'a str,
    /// The word for the part.
    pub part: &'static str,
    /// The reason of the guess.
    pub reason: &'a str,
}

impl Draft {
    /// Reads the columns of a log and guesses their parts. `file` is the log as the project names it.
    pub fn of(
        log: &Path,
        stated: &Stated,
        (name, file, kind): (&str, String, &str),
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, Failure> {
        let profile = setpoint_log::profile::profile(log, progress)
            .map_err(|error| Failure::Message(error.to_string()))?;
        let roles =
            roles(&profile, stated).map_err(|what| Failure::Message(format!("{}: {what}", log.display())))?;
        let mut draft = Self {
            profile,
            roles,
            questions: Vec::new(),
            name: name.to_owned(),
            file,
            kind: kind.to_owned(),
        };
        draft.questions = questions::of(&draft);
        Ok(draft)
    }

    /// The columns with their parts.
    pub fn shown(&self) -> impl Iterator<Item = Shown<'_>> {
        let columns = self.profile.header.iter().zip(&self.roles);
        columns.map(|(column, role)| Shown { column, part: part_word(&role.part), reason: &role.reason })
    }

    /// The columns with a part.
    fn columns(&self, fits: impl Fn(&Part) -> bool) -> impl Iterator<Item = usize> {
        (0..self.roles.len()).filter(move |index| fits(&self.roles[*index].part))
    }

    /// The project file, with the findings of an audit.
    pub fn text(&self, reading: Option<&Reading>) -> String {
        let spaces = Spaces::of(self);
        let parts = [
            self.head(),
            self.charter(),
            self.process(),
            self.data(&spaces),
            spaces.text(self),
            self.rule(&spaces),
            self.reward(&spaces),
            self.training(),
            self.evaluation(),
        ];
        let findings = reading.map_or(String::new(), findings);
        parts.join("\n\n").replace(FINDINGS, &findings) + "\n"
    }

    /// Reads the log with the drafted project, for the audit.
    pub fn read(&self, log: &Path, progress: &mut dyn FnMut(u64)) -> Result<Reading, Failure> {
        let project = Project::from_text("the drafted project", &self.text(None), &[])?;
        let spec = project.spaces.spec();
        setpoint_log::read(log, project.data.as_ref(), &spec, &project.reward, progress)
            .map_err(|error| Failure::Message(error.to_string()))
    }

    fn head(&self) -> String {
        let mut text = format!(
            "# One decision: {}, drafted from {} ({} rows) by `setpoint new`.\n\
             # Each guess has its reason next to it. Correct what is wrong: `setpoint check` checks this file.\n#\n\
             # Questions that only a person can answer:\n",
            plain(&self.name),
            plain(&self.file),
            thousands(self.profile.rows as f64)
        );
        for (number, question) in (1..).zip(&self.questions) {
            text += &format!("#  {number}. {}\n", plain(question));
        }
        text.trim_end().to_owned()
    }

    fn charter(&self) -> String {
        let often = questions::period(self).map_or(String::new(), |period| format!(", {period}"));
        let actions: Vec<&str> = self
            .columns(|part| matches!(part, Part::Choice | Part::Setting))
            .map(|index| self.profile.header[index].as_str())
            .collect();
        let controls = quoted(&format!("{}{often}", actions.join(", ")));
        format!(
            "[decision]                     # the charter: five drafted answers, for a person to confirm\n\
             name         = {}\n\
             controls     = {controls}    # what exactly is controlled, and how often?\n\
             mode         = \"advisory\"    # or \"automatic\", which needs at least one [[constraint]]\n\
             reward_delay = \"1 step\"      # or \"same step\", \"12 steps\", \"end of episode\": how soon does the reward show?\n\
             deployment   = \"as a recommendation to the operators\"    # how is it deployed without re-architecting the plant?\n\
             success      = \"10 % more return than the rule of the operators\"    # what lift on one process proves it?",
            quoted(&self.name)
        )
    }

    fn process(&self) -> String {
        let steps = self.episode_rows().map_or_else(String::new, |rows| {
            format!("\nmax_steps = {rows}                # steps after which an episode is truncated")
        });
        let what = match self.kind.as_str() {
            plant::KIND => {
                "the spaces alone: learn offline (iql, bc), estimate with `setpoint ope`; kind = \"learned\" learns a process from the log"
            }
            _ => {
                "networks learn the process from the log; kind = \"plant\" simulates nothing: then algorithm = \"iql\" learns offline"
            }
        };
        format!("[process]\nkind = {}               # {what}{steps}", quoted(&self.kind))
    }

    /// Rows of an episode, where the log has no column of episodes.
    fn episode_rows(&self) -> Option<u64> {
        let has_none = self.columns(|part| *part == Part::Episode).next().is_none();
        let (least, greatest) = EPISODE_ROWS;
        has_none.then(|| (self.profile.rows / EPISODES).clamp(least, greatest))
    }

    fn data(&self, spaces: &Spaces) -> String {
        let mut text = format!("{FINDINGS}[data]\nfile = {}\n", quoted(&self.file));
        let singles = [
            ("time", Part::Time),
            ("episode", Part::Episode),
            ("reward", Part::Reward),
            ("probability", Part::Probability),
            ("terminated", Part::End),
        ];
        for (key, part) in singles {
            if let Some(index) = self.columns(|own| *own == part).next() {
                text += &format!(
                    "{key} = {}    # {}\n",
                    quoted(&self.profile.header[index]),
                    plain(&self.roles[index].reason)
                );
            }
        }
        if let Some(rows) = self.episode_rows() {
            text += &format!(
                "episode_rows = {rows}    # no column of episodes was found: the log is cut into episodes of this length\n"
            );
        }
        if let Some(column) = &self.profile.quality {
            text += &format!("quality = {}    # the quality of each value\n", quoted(column));
        }
        if self.profile.was_long {
            let seconds = self.hold_seconds();
            text += &format!(
                "hold_seconds = {}    # a row per value of a tag: a tag keeps its last value for five usual pauses\n",
                number(seconds).replace(',', "")
            );
        }
        text += &self.quality(spaces);
        text += &self.unused();
        text.trim_end().to_owned()
    }

    /// The greatest age of a tag's value in a long table.
    fn hold_seconds(&self) -> f64 {
        let time = self.columns(|part| *part == Part::Time).next();
        let pause = time.and_then(|index| self.profile.columns[index].usual_pause()).unwrap_or(60.0);
        (5.0 * pause).max(1.0).ceil()
    }

    /// The columns of quality of the columns in use.
    fn quality(&self, spaces: &Spaces) -> String {
        let header = &self.profile.header;
        let columns: Vec<usize> = self.columns(|part| matches!(part, Part::Quality(_))).collect();
        let Some(first) = columns.first() else { return String::new() };
        let is_one = columns.iter().all(|index| header[*index] == header[*first]);
        if is_one {
            return format!(
                "quality = {}    # {}\n",
                quoted(&header[*first]),
                plain(&self.roles[*first].reason)
            );
        }
        let pair = |index: &usize| {
            let Part::Quality(Some(of)) = self.roles[*index].part else { return None };
            Some(format!("{} = {}", key(spaces.name(of)?), quoted(&header[*index])))
        };
        let pairs: Vec<String> = columns.iter().filter_map(pair).collect();
        match pairs.is_empty() {
            true => String::new(),
            false => format!("quality = {{ {} }}    # the quality of each tag\n", pairs.join(", ")),
        }
    }

    fn unused(&self) -> String {
        let line = |index: usize| {
            format!(
                "# not used: {}: {}\n",
                plain(&quoted(&self.profile.header[index])),
                plain(&self.roles[index].reason)
            )
        };
        self.columns(|part| *part == Part::Unused).map(line).collect()
    }

    fn rule(&self, spaces: &Spaces) -> String {
        let example = spaces.first_feature(self);
        format!(
            "# The baseline `heuristic`: write your operators' rule here. The first rule whose conditions hold decides.\n\
             # [[rule]]\n# when = {{ feature = \"{example}\", above = 0.0 }}\n# do   = {0}\n\
             [[rule]]\ndo = {0}    # the action that the log takes most often",
            spaces.usual_action(self)
        )
    }

    fn reward(&self, spaces: &Spaces) -> String {
        let mut text =
            "[reward]                       # signals × weights; each term is logged separately\n".to_owned();
        text += &spaces.weights(self);
        if self.kind != plant::KIND {
            text += &format!(
                "model_uncertainty = {UNCERTAINTY_WEIGHT:?}    # keeps the policy in states that the log has shown (only in a learned process)\n"
            );
        }
        text.trim_end().to_owned()
    }

    fn training(&self) -> String {
        match self.kind.as_str() {
            plant::KIND => "[train]\nalgorithm = \"iql\"              # improves on the log's decisions; \"bc\" imitates them\ntotal_steps = 1_000_000        # rows of gradient steps".to_owned(),
            _ => "[train]\nalgorithm = \"ppo\"\ntotal_steps = 200_000\n[train.ppo]\nnormalize_observation = true\nnormalize_reward = true".to_owned(),
        }
    }

    fn evaluation(&self) -> String {
        "[evaluate]\nepisodes  = 100                # the same episodes for the policy and the baselines\n\
         baselines = [\"random\", \"heuristic\"]"
            .to_owned()
    }
}

/// The findings of an audit as comments.
fn findings(reading: &Reading) -> String {
    let audit = &reading.audit;
    let mut text = format!(
        "# The audit of the log: {} rows in {} episodes are in use.\n",
        thousands(audit.rows as f64),
        thousands(audit.episodes as f64)
    );
    for finding in &audit.findings {
        let mark = match finding.severity {
            setpoint_log::finding::Severity::Error => "✗",
            setpoint_log::finding::Severity::Warning => "!",
            setpoint_log::finding::Severity::Note => "·",
        };
        text += &format!(
            "#  {mark} {}: {}; {}\n",
            finding.kind,
            plain(&finding.sentence),
            plain(&finding.advice)
        );
    }
    text
}

fn part_word(part: &Part) -> &'static str {
    match part {
        Part::Time => "time",
        Part::Episode => "episode",
        Part::Quality(_) => "quality",
        Part::Reward => "reward",
        Part::Probability => "probability",
        Part::End => "end",
        Part::Choice => "choice",
        Part::Setting => "setting",
        Part::Outcome { .. } => "outcome",
        Part::Feature => "feature",
        Part::Unused => "not used",
    }
}

/// A text of the log in a comment: it stays in its line.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A name as a key of TOML.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

/// A text as TOML writes it, in one line.
fn quoted(text: &str) -> String {
    match text.contains(['\n', '\r', '\'']) {
        // TOML's own writer may choose several lines.
        true => serde_json::Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f"),
        false => Value::String(text.to_owned()).to_string(),
    }
}

/// The log as a project in a folder names it: relative to the folder where both have a common root.
pub fn relative(log: &Path, folder: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (log, folder) = (absolute(log), absolute(folder));
    let shared = log.components().zip(folder.components()).take_while(|(own, other)| own == other).count();
    if shared == 0 {
        return log.display().to_string();
    }
    let up = folder.components().skip(shared).map(|_| PathBuf::from(".."));
    let rest = log.components().skip(shared).map(|component| PathBuf::from(component.as_os_str()));
    // A project file has `/` on every system.
    up.chain(rest).map(|part| part.display().to_string()).collect::<Vec<_>>().join("/")
}
