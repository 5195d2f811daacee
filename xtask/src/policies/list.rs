//! The list of a comparison: a line for each row, written, read again, and compared with another list.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::Failure;

/// The result of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// SHA-256 of the whole policy file and of its tensors.
    Policy { file: String, tensors: String },
    /// The program refuses the pair before the training: the algorithm does not learn the actions of the process.
    Refused(String),
    /// The training ends with an error.
    Failed(String),
    /// This machine lacks a part that the training needs.
    Skipped(String),
}

/// Results by the name of the row.
pub type List = BTreeMap<String, Outcome>;

/// The list as text, a line for each row: name, seed, level of the machine, and the two hashes or a word and the reason.
pub fn write(list: &List, seed: &str) -> String {
    let mut text = String::new();
    for (name, outcome) in list {
        let (first, second) = match outcome {
            Outcome::Policy { file, tensors } => (file.as_str(), tensors),
            Outcome::Refused(reason) => ("refused", reason),
            Outcome::Failed(reason) => ("failed", reason),
            Outcome::Skipped(reason) => ("skipped", reason),
        };
        let second = second.replace('\t', " ");
        let _ = writeln!(text, "{name}\t{seed}\t{}\t{first}\t{second}", level());
    }
    text
}

/// Reads a list of this seed and level: results differ between levels of the machine and between seeds.
pub fn read(text: &str, seed: &str) -> Result<List, Failure> {
    text.lines().map(|line| read_line(line, seed)).collect()
}

fn read_line(line: &str, own_seed: &str) -> Result<(String, Outcome), Failure> {
    let [name, seed, machine, first, second] = line.split('\t').collect::<Vec<_>>()[..] else {
        return Err(format!("the line `{line}` has not the five columns of a row").into());
    };
    if (seed, machine) != (own_seed, level()) {
        let own = level();
        return Err(format!("{name} has seed {seed} on {machine}, expected seed {own_seed} on {own}").into());
    }
    let reason = second.to_owned();
    let outcome = match first {
        "refused" => Outcome::Refused(reason),
        "failed" => Outcome::Failed(reason),
        "skipped" => Outcome::Skipped(reason),
        _ => Outcome::Policy { file: first.to_owned(), tensors: second.to_owned() },
    };
    Ok((name.to_owned(), outcome))
}

/// The machine's level, as `nn` chooses it: a fused multiply-add rounds once where two instructions round twice.
fn level() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        let fused = is_x86_feature_detected!("fma");
        let wide = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512bw");
        if fused && wide {
            return "avx512";
        }
        if fused && is_x86_feature_detected!("avx2") {
            return "avx2";
        }
    }
    "baseline"
}

/// The lines of a comparison.
#[derive(Debug, Default, PartialEq)]
pub struct Comparison {
    /// Rows with the same result in both lists.
    pub same: usize,
    /// Rows with different results, and rows that the new list lacks.
    pub different: Vec<String>,
    /// Rows without a result in a list, and the reason.
    pub not_compared: Vec<String>,
}

/// Compares two lists. `asked` tells whether the new list should have a row of this name.
pub fn compare(old: &List, new: &List, tensors_only: bool, asked: impl Fn(&str) -> bool) -> Comparison {
    let mut comparison = Comparison::default();
    for (name, new) in new {
        match old.get(name) {
            None => comparison.not_compared.push(format!("{name}: the old list lacks this row")),
            Some(old) => match difference(old, new, tensors_only) {
                Difference::Same => comparison.same += 1,
                Difference::Found(text) => comparison.different.push(format!("{name}: {text}")),
                Difference::Unknown(text) => comparison.not_compared.push(format!("{name}: {text}")),
            },
        }
    }
    let lost = old.keys().filter(|name| !new.contains_key(*name) && asked(name));
    comparison.different.extend(lost.map(|name| format!("{name}: the new list lacks this row")));
    comparison
}

enum Difference {
    Same,
    Found(String),
    Unknown(String),
}

fn difference(old: &Outcome, new: &Outcome, tensors_only: bool) -> Difference {
    use Outcome::{Failed, Policy, Refused, Skipped};
    match (old, new) {
        (_, Skipped(reason)) => Difference::Unknown(format!("skipped now: {reason}")),
        (Skipped(reason), _) => Difference::Unknown(format!("skipped in the old list: {reason}")),
        (Policy { tensors: old, .. }, Policy { tensors: new, .. }) if old != new => {
            Difference::Found(format!("the tensors differ, {old} before, {new} now"))
        }
        (Policy { file: old, .. }, Policy { file: new, .. }) if old != new && !tensors_only => {
            Difference::Found("the tensors are the same, the description in front of them differs".to_owned())
        }
        // The words of an error may change.
        (Policy { .. }, Policy { .. }) | (Refused(_), Refused(_)) | (Failed(_), Failed(_)) => {
            Difference::Same
        }
        (old, new) => Difference::Found(format!("{} before, {} now", words(old), words(new))),
    }
}

fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Policy { .. } => "a policy".to_owned(),
        Outcome::Refused(reason) => format!("refused ({reason})"),
        Outcome::Failed(reason) => format!("an error ({reason})"),
        Outcome::Skipped(reason) => format!("skipped ({reason})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(file: &str, tensors: &str) -> Outcome {
        Outcome::Policy { file: file.to_owned(), tensors: tensors.to_owned() }
    }

    fn example() -> List {
        [
            ("a/ppo".to_owned(), policy("1", "t")),
            ("b/dqn".to_owned(), Outcome::Refused("settings".to_owned())),
            ("c/sac".to_owned(), Outcome::Skipped("no Python".to_owned())),
            ("d/iql".to_owned(), Outcome::Failed("no log".to_owned())),
        ]
        .into()
    }

    #[test]
    fn a_list_reads_back() {
        let list = example();
        assert_eq!(read(&write(&list, "3"), "3").unwrap(), list);
        assert!(write(&list, "3").starts_with(&format!("a/ppo\t3\t{}\t1\tt\nb/dqn\t3\t", level())));
        assert!(read(&write(&list, "4"), "3").is_err(), "another seed");
        assert!(read("a/ppo\t3\tanother machine\t1\tt\n", "3").is_err());
        assert!(read("a/ppo\n", "3").is_err());
    }

    #[test]
    fn every_kind_of_difference_is_found() {
        let old = example();
        let changed = |name: &str, outcome: Option<Outcome>, tensors_only: bool| {
            let mut new = old.clone();
            match outcome {
                Some(outcome) => drop(new.insert(name.to_owned(), outcome)),
                None => drop(new.remove(name)),
            }
            compare(&old, &new, tensors_only, |name| name != "b/dqn").different
        };
        assert_eq!(changed("a/ppo", Some(policy("1", "t")), false), [""; 0]);
        assert_eq!(
            changed("a/ppo", Some(policy("2", "u")), true),
            ["a/ppo: the tensors differ, t before, u now"]
        );
        let description = changed("a/ppo", Some(policy("2", "t")), false);
        assert_eq!(
            description,
            ["a/ppo: the tensors are the same, the description in front of them differs"]
        );
        assert_eq!(changed("a/ppo", Some(policy("2", "t")), true), [""; 0]);
        assert_eq!(changed("a/ppo", None, false), ["a/ppo: the new list lacks this row"]);
        assert_eq!(changed("b/dqn", None, false), [""; 0], "nobody asked for this row");
        let error = changed("a/ppo", Some(Outcome::Failed("NaN".to_owned())), true);
        assert_eq!(error, ["a/ppo: a policy before, an error (NaN) now"]);
        let policy = changed("b/dqn", Some(policy("2", "t")), true);
        assert_eq!(policy, ["b/dqn: refused (settings) before, a policy now"]);
        assert_eq!(changed("b/dqn", Some(Outcome::Refused("other words".to_owned())), false), [""; 0]);
    }

    #[test]
    fn skipped_rows_and_new_rows_are_named_and_do_not_fail() {
        let mut new = example();
        new.insert("a/ppo".to_owned(), Outcome::Skipped("no Python".to_owned()));
        new.insert("e/ppo".to_owned(), policy("1", "t"));
        let comparison = compare(&example(), &new, false, |_| true);
        assert_eq!((comparison.same, comparison.different.len()), (2, 0));
        assert_eq!(comparison.not_compared.len(), 3, "{comparison:?}");
    }
}
