//! The part that each column may play in a decision: a guess by its heading, its content and the way its values move. Each guess
//! has its reason, for a person to confirm or correct.

use super::Profile;
use super::column::Content;
use super::names::words;

mod actions;

/// The part of a column in a decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Time stamps or steps.
    Time,
    /// Its value changes from episode to episode.
    Episode,
    /// The quality of another column, by its index; of the whole row without.
    Quality(Option<usize>),
    /// The reward of the row's action.
    Reward,
    /// The probability of the row's action.
    Probability,
    /// Whether the process ended the episode in the row.
    End,
    /// One of several alternatives.
    Choice,
    /// A number that somebody sets.
    Setting,
    /// A measurement that the decision is about: more of it is better, or less.
    Outcome {
        /// Whether more is better.
        more: bool,
        /// Whether a word of its heading says so.
        is_named: bool,
    },
    /// A measurement that the decision may look at.
    Feature,
    /// No part.
    Unused,
}

/// The part of a column, with the reason in a few words.
#[derive(Clone, Debug, PartialEq)]
pub struct Role {
    /// The part.
    pub part: Part,
    /// The reason.
    pub reason: String,
}

/// The columns whose part a person states.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// The column of time.
    pub time: Option<String>,
    /// The column of episodes.
    pub episode: Option<String>,
    /// The columns of the action.
    pub actions: Vec<String>,
    /// The columns of results, and whether more of each is better.
    pub outcomes: Vec<(String, bool)>,
    /// Columns without a part.
    pub unused: Vec<String>,
}

const TIME: &[&str] =
    &["time", "timestamp", "datetime", "date", "ts", "t", "step", "zeit", "zeitstempel", "seconds"];
pub(super) const EPISODE: &[&str] =
    &["episode", "ep", "batch", "lot", "run", "order", "charge", "los", "auftrag", "campaign", "job"];
pub(super) const QUALITY: &[&str] = &["quality", "qual", "status", "state", "q", "qualität", "opcquality"];
const REWARD: &[&str] = &["reward", "r"];
const PROBABILITY: &[&str] = &["propensity", "probability", "prob"];
const END: &[&str] = &["terminated", "terminal", "done"];
/// Words of results of which more is better.
const MORE: &[&str] = &[
    "good",
    "yield",
    "throughput",
    "output",
    "uph",
    "bpm",
    "efficiency",
    "oee",
    "produced",
    "production",
    "profit",
    "accepted",
    "ausbeute",
    "gut",
    "ausstoß",
    "revenue",
];
/// Words of results of which less is better.
const LESS: &[&str] = &[
    "reject",
    "rejects",
    "rejected",
    "scrap",
    "waste",
    "defect",
    "defects",
    "energy",
    "power",
    "cost",
    "costs",
    "downtime",
    "stop",
    "stops",
    "fail",
    "fails",
    "failure",
    "failures",
    "fault",
    "faults",
    "alarm",
    "alarms",
    "loss",
    "losses",
    "ausschuss",
    "error",
    "errors",
    "deviation",
    "consumption",
    "emission",
    "emissions",
    "overfill",
    "underfill",
    "giveaway",
    "stillstand",
];

/// The part of every column. The error says which part no column can play, and how to state it.
pub fn roles(profile: &Profile, stated: &Stated) -> Result<Vec<Role>, String> {
    let mut guess = Guess { profile, roles: vec![None; profile.header.len()] };
    guess.state(stated)?;
    guess.unnamed();
    if stated.time.is_none() {
        guess.time();
    }
    guess.constants();
    guess.qualities();
    guess.named(REWARD, Part::Reward, |column| column.is_numeric());
    guess.named(PROBABILITY, Part::Probability, |column| {
        column.is_numeric() && column.range.is_some_and(|(low, high)| low > 0.0 && high <= 1.0)
    });
    guess.named(END, Part::End, |column| column.values.len() <= 2 && !column.has_more_values);
    if stated.episode.is_none() {
        guess.episode();
    }
    if stated.actions.is_empty() {
        guess.actions()?;
    }
    guess.counters();
    guess.outcomes(!stated.outcomes.is_empty());
    guess.features();
    guess.some_outcome();
    let roles: Vec<Role> = guess.roles.into_iter().flatten().collect();
    let is_seen = |role: &Role| matches!(role.part, Part::Feature | Part::Outcome { .. });
    if !roles.iter().any(is_seen) {
        return Err("no column has numbers that a decision could look at".to_owned());
    }
    Ok(roles)
}

/// The guesses so far.
struct Guess<'a> {
    profile: &'a Profile,
    roles: Vec<Option<Role>>,
}

impl Guess<'_> {
    fn give(&mut self, index: usize, part: Part, reason: impl Into<String>) {
        self.roles[index] = Some(Role { part, reason: reason.into() });
    }

    /// The columns without a part, with their content and the words of their headings.
    fn open(&self) -> Vec<(usize, &Content, Vec<String>)> {
        let Profile { header, columns, .. } = self.profile;
        let open = (0..header.len()).filter(|index| self.roles[*index].is_none());
        open.map(|index| (index, &columns[index], words(&header[index]))).collect()
    }

    fn state(&mut self, stated: &Stated) -> Result<(), String> {
        const REASON: &str = "as stated";
        let header = &self.profile.header;
        let place = |name: &str| {
            let found = header.iter().position(|column| column == name);
            found.ok_or_else(|| {
                format!("the log has no column `{name}`; its columns are {}", header.join(", "))
            })
        };
        for name in &stated.unused {
            let index = place(name)?;
            self.give(index, Part::Unused, REASON);
        }
        for (name, part) in [(&stated.time, Part::Time), (&stated.episode, Part::Episode)] {
            if let Some(name) = name {
                let index = place(name)?;
                self.give(index, part, REASON);
            }
        }
        for (name, more) in &stated.outcomes {
            let index = place(name)?;
            if !self.profile.columns[index].is_numeric() {
                return Err(format!("`{name}` cannot be a result: its cells are no numbers"));
            }
            self.give(index, Part::Outcome { more: *more, is_named: true }, REASON);
        }
        for name in &stated.actions {
            let index = place(name)?;
            let part = actions::kind(&self.profile.columns[index]);
            let part = part.ok_or_else(|| {
                format!("`{name}` cannot be an action: it has too many words, or one value")
            })?;
            self.give(index, part, REASON);
        }
        Ok(())
    }

    /// Columns without a name of their own.
    fn unnamed(&mut self) {
        let header = &self.profile.header;
        for index in 0..header.len() {
            let same = header.iter().filter(|name| **name == header[index]).count();
            // Several columns of quality may have one name, each behind its tag.
            if self.roles[index].is_some() || (same > 1 && self.is_quality(index)) {
                continue;
            }
            match header[index].trim() {
                "" => self.give(index, Part::Unused, "it has no name"),
                _ if same > 1 => self.give(index, Part::Unused, format!("{same} columns have this name")),
                _ => {}
            }
        }
    }

    fn time(&mut self) {
        let is_named = |words: &[String]| words.iter().any(|word| TIME.contains(&word.as_str()));
        let open = self.open();
        let stamps: Vec<_> = open
            .iter()
            .filter(|(_, column, _)| column.timestamps > 0 && column.timestamps * 20 >= 19 * column.filled())
            .collect();
        let chosen = stamps.iter().find(|(.., words)| is_named(words)).or(stamps.first());
        let steps = || {
            open.iter().find(|(_, column, words)| {
                is_named(words) && column.is_numeric() && column.change_share() > 0.9
            })
        };
        let found = match chosen {
            Some((index, ..)) => Some((*index, "its cells are time stamps")),
            None => steps().map(|(index, ..)| (*index, "its name says so, and its numbers count on")),
        };
        let others: Vec<usize> = stamps.iter().map(|(index, ..)| *index).collect();
        if let Some((index, reason)) = found {
            others
                .into_iter()
                .filter(|other| *other != index)
                .for_each(|other| self.give(other, Part::Unused, "another column of times"));
            self.give(index, Part::Time, reason);
        }
    }

    fn constants(&mut self) {
        let constant: Vec<(usize, String)> =
            self.open()
                .iter()
                .filter(|(_, column, _)| {
                    (column.is_constant() && column.nothing().next().is_none()) || column.filled() == 0
                })
                .map(|(index, column, _)| {
                    (
                        *index,
                        column.values.first().map_or("it is empty".to_owned(), |(value, _)| {
                            format!("it is {value} in every row")
                        }),
                    )
                })
                .collect();
        // A column of quality may be good in every row.
        constant
            .into_iter()
            .filter(|(index, _)| !self.is_quality(*index))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|(index, reason)| {
                self.give(index, Part::Unused, reason);
            });
    }

    fn is_quality(&self, index: usize) -> bool {
        let (column, words) = (&self.profile.columns[index], words(&self.profile.header[index]));
        let judged = column.qualities > 0 && column.qualities * 20 >= 19 * column.filled();
        let is_named = words.iter().any(|word| QUALITY.contains(&word.as_str()));
        judged && column.good * 2 > column.qualities && (is_named || column.texts > 0)
    }

    fn qualities(&mut self) {
        let found: Vec<usize> = self
            .open()
            .into_iter()
            .map(|(index, ..)| index)
            .filter(|index| self.is_quality(*index))
            .collect();
        let several = found.len() > 1;
        let base = |heading: &str| -> Vec<String> {
            words(heading).into_iter().filter(|word| !QUALITY.contains(&word.as_str())).collect()
        };
        let header = &self.profile.header;
        for index in found.clone() {
            let own = base(&header[index]);
            let same = (0..header.len())
                .find(|other| *other != index && !found.contains(other) && words(&header[*other]) == own);
            let before = index.checked_sub(1).filter(|before| several && !found.contains(before));
            let of = same.or(before);
            let what = of.map_or("the row".to_owned(), |of| format!("`{}`", header[of]));
            self.give(
                index,
                Part::Quality(of),
                format!("its cells are words or codes of quality, of {what}"),
            );
        }
    }

    fn named(&mut self, names: &[&str], part: Part, fits: impl Fn(&Content) -> bool) {
        let found = self.open().into_iter().find(|(_, column, words)| {
            fits(column) && words.len() <= 2 && words.iter().any(|word| names.contains(&word.as_str()))
        });
        if let Some((index, ..)) = found {
            self.give(index, part, "its name says so");
        }
    }

    fn episode(&mut self) {
        // A value that comes back belongs to no episode.
        let comes_back =
            |column: &Content| !column.has_more_values && column.changes + 1 > column.values.len() as u64;
        let fits = |column: &Content| {
            column.changes >= 4 && column.change_share() <= 0.25 && !comes_back(column) && column.falls == 0
        };
        let found = self
            .open()
            .into_iter()
            .find(|(_, column, words)| {
                fits(column) && words.iter().any(|word| EPISODE.contains(&word.as_str()))
            })
            .map(|(index, column, _)| (index, column.changes + 1));
        if let Some((index, count)) = found {
            self.give(
                index,
                Part::Episode,
                format!("its name says so, and its {count} values come one after another"),
            );
        }
    }

    fn counters(&mut self) {
        let found: Vec<usize> = self
            .open()
            .into_iter()
            .filter(|(_, column, _)| column.only_rises())
            .map(|(index, ..)| index)
            .collect();
        for index in found {
            self.give(
                index,
                Part::Unused,
                "it only rises: a counter or a time, whose values never come back",
            );
        }
    }

    fn outcomes(&mut self, are_stated: bool) {
        if are_stated || self.roles.iter().flatten().any(|role| role.part == Part::Reward) {
            return;
        }
        let of = |words: &[String], names: &[&str]| {
            words.iter().find(|word| names.contains(&word.as_str())).cloned()
        };
        let found: Vec<(usize, bool, String)> = self
            .open()
            .into_iter()
            .filter(|(_, column, _)| column.is_numeric())
            .filter_map(|(index, _, words)| {
                let less = of(&words, LESS).map(|word| (index, false, word));
                less.or_else(|| of(&words, MORE).map(|word| (index, true, word)))
            })
            .collect();
        for (index, more, word) in found {
            let way = if more { "more" } else { "less" };
            self.give(
                index,
                Part::Outcome { more, is_named: true },
                format!("\"{word}\": {way} of it is probably better"),
            );
        }
    }

    fn features(&mut self) {
        let open: Vec<(usize, bool)> =
            self.open().into_iter().map(|(index, column, _)| (index, column.is_numeric())).collect();
        for (index, is_numeric) in open {
            match is_numeric {
                true => self.give(index, Part::Feature, "its numbers vary"),
                false => self.give(index, Part::Unused, "it has words: a policy sees numbers"),
            }
        }
    }

    /// A decision is about something. Without any named result the last measurement stands for it, until a person says which.
    fn some_outcome(&mut self) {
        let is_result = |role: &Role| matches!(role.part, Part::Outcome { .. } | Part::Reward);
        if self.roles.iter().flatten().any(is_result) {
            return;
        }
        let last =
            self.roles.iter().rposition(|role| role.as_ref().is_some_and(|role| role.part == Part::Feature));
        if let Some(index) = last {
            let part = Part::Outcome { more: true, is_named: false };
            self.give(index, part, "no name tells a result: the last measurement stands for it");
        }
    }
}
