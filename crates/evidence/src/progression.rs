//! The progress through a project's levels: the start of the next level, the returns on earlier levels, and forgotten levels.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use setpoint_decision::curriculum::Curriculum;

/// The position of a training in its curriculum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progression {
    /// The present level, counted from 0.
    pub level: usize,
    levels: Vec<Level>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Level {
    /// Returns of its last episodes.
    returns: VecDeque<f64>,
    /// Episodes since the level began, or since it was left.
    episodes: u64,
    /// Mean return when it was left.
    mastered_at: Option<f64>,
}

impl Level {
    fn mean(&self) -> Option<f64> {
        (!self.returns.is_empty()).then(|| self.returns.iter().sum::<f64>() / self.returns.len() as f64)
    }
}

/// A level, as logs report it.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing<'a> {
    /// Its name.
    pub name: &'a str,
    /// Mean return of its last episodes; `None` before the first.
    pub mean: Option<f64>,
    /// Fall of that return since the level was left, in percent; 0 without a fall.
    pub fallen_percent: f64,
    /// Whether the fall exceeds the project's limit for a forgotten level.
    pub forgotten: bool,
}

impl Progression {
    /// At the first level.
    pub fn new(curriculum: &Curriculum) -> Self {
        Self { level: 0, levels: vec![Level::default(); curriculum.levels.len()] }
    }

    /// Whether it belongs to a curriculum like this.
    pub fn fits(&self, curriculum: &Curriculum) -> bool {
        self.levels.len() == curriculum.levels.len() && self.level < self.levels.len()
    }

    /// Counts a finished episode of a level, at `steps` environment steps. Returns whether the next level begins.
    pub fn count(&mut self, curriculum: &Curriculum, level: usize, episode_return: f64, steps: u64) -> bool {
        let window = curriculum.episodes as usize;
        let scored = &mut self.levels[level];
        scored.returns.push_back(episode_return);
        if scored.returns.len() > window {
            scored.returns.pop_front();
        }
        scored.episodes += 1;
        let present = &self.levels[self.level];
        let last = self.level + 1 == self.levels.len();
        if last {
            return false;
        }
        let mastered = curriculum.advance_above.as_ref().is_some_and(|above| {
            // Only enough episodes of its own judge a level, never a few lucky ones.
            present.episodes >= curriculum.episodes
                && present.mean().is_some_and(|mean| mean > above.at(self.level))
        });
        let due = curriculum.advance_after.as_ref().is_some_and(|after| steps >= after[self.level]);
        if !(mastered || due) {
            return false;
        }
        let left = &mut self.levels[self.level];
        left.mastered_at = left.mean();
        left.episodes = 0;
        self.level += 1;
        true
    }

    /// Every level that was played.
    pub fn standings<'a>(&'a self, curriculum: &'a Curriculum) -> impl Iterator<Item = Standing<'a>> {
        self.levels.iter().zip(&curriculum.levels).take(self.level + 1).map(|(level, name)| {
            let mean = level.mean();
            // The fall of an earlier level is known after enough later episodes on it.
            let known = level.episodes >= curriculum.episodes;
            let fallen_percent = match (level.mastered_at, mean) {
                (Some(before), Some(now)) if known => {
                    (100.0 * (before - now) / before.abs().max(f64::MIN_POSITIVE)).max(0.0)
                }
                _ => 0.0,
            };
            let forgotten = fallen_percent > curriculum.forgotten_percent;
            Standing { name, mean, fallen_percent, forgotten }
        })
    }
}

#[cfg(test)]
mod tests {
    use setpoint_decision::disturbance::Levels;

    use super::*;

    fn curriculum() -> Curriculum {
        Curriculum {
            levels: ["easy", "middle", "hard"].map(str::to_owned).to_vec(),
            advance_above: Some(Levels(vec![10.0, 20.0])),
            advance_after: None,
            episodes: 3,
            rehearsal: 0.2,
            forgotten_percent: 10.0,
        }
    }

    #[test]
    fn a_level_is_left_when_enough_of_its_own_episodes_are_good_enough() {
        let curriculum = curriculum();
        let mut progression = Progression::new(&curriculum);
        assert!(!progression.count(&curriculum, 0, 30.0, 1));
        assert!(!progression.count(&curriculum, 0, 30.0, 2), "two lucky episodes are not three");
        assert!(!progression.count(&curriculum, 0, -40.0, 3), "a mean of 6.7");
        assert!(progression.count(&curriculum, 0, 50.0, 4), "30, −40, 50");
        assert_eq!(progression.level, 1);
        // Rehearsals of the easy level say nothing about the middle one.
        for _ in 0..10 {
            assert!(!progression.count(&curriculum, 0, 100.0, 5));
        }
        for _ in 0..2 {
            assert!(!progression.count(&curriculum, 1, 21.0, 6));
        }
        assert!(progression.count(&curriculum, 1, 21.0, 7));
        assert!(!progression.count(&curriculum, 2, 1e9, 8), "there is no harder level");
        assert_eq!(progression.level, 2);
    }

    #[test]
    fn a_schedule_moves_on_without_success() {
        let curriculum =
            Curriculum { advance_above: None, advance_after: Some(vec![100, 200]), ..curriculum() };
        let mut progression = Progression::new(&curriculum);
        assert!(!progression.count(&curriculum, 0, -1.0, 99));
        assert!(progression.count(&curriculum, 0, -1.0, 100));
        assert!(!progression.count(&curriculum, 1, -1.0, 199));
        assert!(progression.count(&curriculum, 1, -1.0, 250));
    }

    #[test]
    fn a_fall_of_an_earlier_level_is_flagged_once_it_is_known() {
        let curriculum = curriculum();
        let mut progression = Progression::new(&curriculum);
        for _ in 0..3 {
            progression.count(&curriculum, 0, 100.0, 0);
        }
        let easy = |progression: &Progression| {
            let standing = progression.standings(&curriculum).next().unwrap();
            (standing.fallen_percent, standing.forgotten)
        };
        progression.count(&curriculum, 0, 80.0, 1);
        progression.count(&curriculum, 0, 80.0, 2);
        assert_eq!(easy(&progression), (0.0, false), "two episodes are too few");
        progression.count(&curriculum, 0, 80.0, 3);
        assert_eq!(easy(&progression), (20.0, true));
        for _ in 0..3 {
            progression.count(&curriculum, 0, 95.0, 4);
        }
        assert_eq!(easy(&progression), (5.0, false), "it is back within 10 %");
    }
}
