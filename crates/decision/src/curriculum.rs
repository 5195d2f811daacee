//! `[curriculum]`: levels of difficulty that a training goes through, from easy to hard.
//!
//! The next level begins on success (Bengio et al. 2009, "Curriculum learning"), or by a schedule. A share of the episodes
//! stays on earlier levels, and the training watches the returns on them.

use toml::{Table, Value};

use crate::Diagnostic;
use crate::disturbance::{Levels, plural};
use crate::section::{Range, Section};

/// `[curriculum]`: levels of difficulty, from easy to hard.
#[derive(Clone, Debug, PartialEq)]
pub struct Curriculum {
    /// Their names.
    pub levels: Vec<String>,
    /// A level is mastered when the mean return of its last `episodes` episodes is above this; one number for each level
    /// but the last.
    pub advance_above: Option<Levels>,
    /// Environment steps after which the next level begins in any case; one number for each level but the last.
    pub advance_after: Option<Vec<u64>>,
    /// Number of last episodes whose mean return judges a level.
    pub episodes: u64,
    /// Share of episodes on earlier levels, so that they are not forgotten.
    pub rehearsal: f64,
    /// A level is forgotten if its mean return falls by more than this, in percent, below the return that mastered it.
    pub forgotten_percent: f64,
}

pub(crate) fn read(section: &Section<'_>) -> Result<Option<Curriculum>, Box<Diagnostic>> {
    if !section.is_present() {
        return Ok(None);
    }
    let levels = read_levels(section)?;
    let (advance_above, advance_after) = read_advances(section, levels.len() - 1)?;
    let curriculum = Curriculum {
        levels,
        advance_above,
        advance_after,
        episodes: section
            .integer("episodes", Range::between(1.0, 100_000.0), "number of episodes that judge a level")?
            .unwrap_or(100),
        rehearsal: section
            .number("rehearsal", Range::between(0.0, 0.9), "share of episodes on earlier levels")?
            .unwrap_or(0.2),
        forgotten_percent: section
            .number(
                "forgotten_percent",
                Range::positive(),
                "fall of an earlier level's return that counts as forgotten",
            )?
            .unwrap_or(10.0),
    };
    section.finish()?;
    Ok(Some(curriculum))
}

fn read_levels(section: &Section<'_>) -> Result<Vec<String>, Box<Diagnostic>> {
    let levels = section.strings("levels", "names of the levels, from easy to hard")?.unwrap_or_default();
    if levels.len() < 2 {
        let help = "levels = [\"clean\", \"noisy\", \"plant\"]";
        return Err(section.error("levels", "a curriculum needs two levels or more", "expected names", help));
    }
    if let Some(index) = (1..levels.len()).find(|index| levels[..*index].contains(&levels[*index])) {
        let title = format!("there are two levels named \"{}\"", levels[index]);
        return Err(section.error_in_list("levels", index, &title, "already taken", ""));
    }
    Ok(levels)
}

/// The conditions for the next level, one for each level but the last: `advance_above` and `advance_after`.
type Advances = (Option<Levels>, Option<Vec<u64>>);

fn read_advances(section: &Section<'_>, ups: usize) -> Result<Advances, Box<Diagnostic>> {
    let advance_above = if section.is_list("advance_above") {
        section.number_list(
            "advance_above",
            Range::any(),
            "mean return that masters a level, one number for each level but the last",
        )?
    } else {
        section
            .number("advance_above", Range::any(), "mean return that masters a level")?
            .map(|one| vec![one; ups])
    };
    let advance_after = section.integers(
        "advance_after",
        Range::between(1.0, 1e15),
        "steps after which the next level begins in any case",
    )?;
    for (key, found) in [
        ("advance_above", advance_above.as_ref().map(Vec::len)),
        ("advance_after", advance_after.as_ref().map(Vec::len)),
    ] {
        if let Some(found) = found.filter(|found| *found != ups) {
            let title = format!(
                "`{key}` has {found} {} for {ups} {} up",
                plural(found, "value"),
                plural(ups, "step")
            );
            return Err(section.error(
                key,
                &title,
                &format!("expected {ups}"),
                "one number for each level but the last",
            ));
        }
    }
    if let Some(steps) = advance_after.as_ref().filter(|steps| !steps.is_sorted()) {
        let title = format!("`advance_after` does not grow: {steps:?}");
        return Err(section.error("advance_after", &title, "expected growing numbers", ""));
    }
    if advance_above.is_none() && advance_after.is_none() {
        let help =
            "advance_above = 150.0 (mean return of the level's last episodes), or advance_after = [100_000]";
        let title = "a curriculum does not say when the next level begins";
        return Err(section.error("levels", title, "expected advance_above or advance_after", help));
    }
    Ok((advance_above.map(Levels), advance_after))
}

pub(crate) fn to_toml(curriculum: &Curriculum) -> Table {
    let mut table = Table::new();
    table.insert("levels".into(), curriculum.levels.clone().into());
    if let Some(above) = &curriculum.advance_above {
        table.insert("advance_above".into(), above.0.clone().into());
    }
    if let Some(after) = &curriculum.advance_after {
        table.insert(
            "advance_after".into(),
            after.iter().map(|steps| *steps as i64).collect::<Vec<_>>().into(),
        );
    }
    table.insert("episodes".into(), Value::Integer(curriculum.episodes as i64));
    table.insert("rehearsal".into(), curriculum.rehearsal.into());
    table.insert("forgotten_percent".into(), curriculum.forgotten_percent.into());
    table
}
