//! Plans: sequences of actions, and a distribution over them that the best plans of a round shape.

use std::ops::Range;

use setpoint_decision::spec::ActionSpace;
use setpoint_process::process::Action;
use setpoint_random::Stream;

/// The share of the old distribution in the new one: a choice that no elite takes stays possible.
const KEPT: f64 = 0.1;
/// The share of the even distribution in the plan of the last decision, with which the next search begins.
const RENEWED: f64 = 0.5;

/// Plans of one length, each a sequence of actions.
pub struct Plans {
    horizon: usize,
    groups: usize,
    axes: usize,
    /// `[plans, horizon, groups]`
    choices: Vec<u32>,
    /// `[plans, horizon, axes]`
    settings: Vec<f32>,
}

impl Plans {
    /// Without a plan.
    pub fn new(space: &ActionSpace, horizon: usize) -> Self {
        let (groups, axes) = (space.groups.len(), space.axes.len());
        Self { horizon, groups, axes, choices: Vec::new(), settings: Vec::new() }
    }

    /// Removes all plans.
    pub fn clear(&mut self) {
        self.choices.clear();
        self.settings.clear();
    }

    /// The action of a plan in one of its steps.
    pub fn action(&self, plan: usize, step: usize) -> Action<'_> {
        let place = plan * self.horizon + step;
        Action {
            choices: &self.choices[place * self.groups..(place + 1) * self.groups],
            settings: &self.settings[place * self.axes..(place + 1) * self.axes],
        }
    }
}

/// A distribution over plans: independent choices and settings in each step.
#[derive(Clone)]
pub struct Distribution {
    horizon: usize,
    /// The places of each group's choices among all choices.
    groups: Vec<Range<usize>>,
    /// Bounds of each setting.
    bounds: Vec<(f32, f32)>,
    /// `[horizon, choices]`, which sum to 1 in each group.
    probabilities: Vec<f64>,
    /// `[horizon, axes]` mean and standard deviation.
    settings: Vec<(f64, f64)>,
}

impl Distribution {
    /// All choices alike, and settings around the middle of their bounds.
    pub fn even(space: &ActionSpace, horizon: usize) -> Self {
        let groups: Vec<Range<usize>> = space.placed_groups().map(|(_, places)| places).collect();
        let bounds: Vec<(f32, f32)> = space.axes.iter().map(|axis| (axis.low, axis.high)).collect();
        let step: Vec<f64> =
            groups.iter().flat_map(|places| places.clone().map(|_| 1.0 / places.len() as f64)).collect();
        let middle = |(low, high): &(f32, f32)| {
            let (low, high) = (f64::from(*low), f64::from(*high));
            (0.5 * (low + high), 0.5 * (high - low))
        };
        let settings: Vec<(f64, f64)> = bounds.iter().map(middle).collect();
        Self {
            horizon,
            groups,
            probabilities: step.repeat(horizon),
            settings: settings.repeat(horizon),
            bounds,
        }
    }

    fn choices(&self) -> usize {
        self.groups.last().map_or(0, |places| places.end)
    }

    /// Leaves only the choices that are allowed in the first step; an empty list allows all of them.
    pub fn allow_first(&mut self, allowed: &[bool]) {
        for places in self.groups.iter().filter(|_| !allowed.is_empty()) {
            let count = allowed[places.clone()].iter().filter(|allowed| **allowed).count() as f64;
            let kept: f64 =
                places.clone().filter(|place| allowed[*place]).map(|place| self.probabilities[place]).sum();
            for place in places.clone() {
                let probability = &mut self.probabilities[place];
                *probability = match (allowed[place], kept > 0.0) {
                    (false, _) => 0.0,
                    (true, true) => *probability / kept,
                    (true, false) => 1.0 / count,
                };
            }
        }
    }

    /// Draws plans. Settings of `evenly` drawn plans are uniform between their bounds, not normally distributed.
    pub fn draw(&self, count: usize, evenly: bool, random: &mut Stream, plans: &mut Plans) {
        let choices = self.choices();
        for _ in 0..count {
            for step in 0..self.horizon {
                let probabilities = &self.probabilities[step * choices..(step + 1) * choices];
                for places in &self.groups {
                    plans.choices.push(drawn(&probabilities[places.clone()], f64::from(random.unit())));
                }
                let settings = &self.settings[step * self.bounds.len()..(step + 1) * self.bounds.len()];
                for ((mean, deviation), (low, high)) in settings.iter().zip(&self.bounds) {
                    plans.settings.push(if evenly {
                        random.uniform(*low, *high)
                    } else {
                        ((mean + deviation * f64::from(random.normal())) as f32).clamp(*low, *high)
                    });
                }
            }
        }
    }

    /// Adds the most probable plan.
    pub fn push_mode(&self, plans: &mut Plans) {
        for step in 0..self.horizon {
            let (choices, settings) = self.mode(step);
            plans.choices.extend(choices);
            plans.settings.extend(settings);
        }
    }

    /// The most probable choices, and the mean settings of a step.
    fn mode(&self, step: usize) -> (impl Iterator<Item = u32>, impl Iterator<Item = f32>) {
        let (choices, axes) = (self.choices(), self.bounds.len());
        let probabilities = &self.probabilities[step * choices..(step + 1) * choices];
        let best = |places: &Range<usize>| {
            let mut best = 0;
            for (choice, probability) in probabilities[places.clone()].iter().enumerate() {
                if *probability > probabilities[places.start + best] {
                    best = choice;
                }
            }
            best as u32
        };
        let means = self.settings[step * axes..(step + 1) * axes].iter().zip(&self.bounds);
        let means = means.map(|((mean, _), (low, high))| (*mean as f32).clamp(*low, *high));
        (self.groups.iter().map(best), means)
    }

    /// Moves to the frequencies, means and deviations of the elite.
    pub fn learn(&mut self, plans: &Plans, elite: &[usize]) {
        let (choices, axes, count) = (self.choices(), self.bounds.len(), elite.len() as f64);
        for step in 0..self.horizon {
            let probabilities = &mut self.probabilities[step * choices..(step + 1) * choices];
            probabilities.iter_mut().for_each(|probability| *probability *= KEPT);
            for plan in elite {
                let chosen = plans.action(*plan, step).choices;
                for (choice, places) in chosen.iter().zip(&self.groups) {
                    probabilities[places.start + *choice as usize] += (1.0 - KEPT) / count;
                }
            }
            for axis in 0..axes {
                let value = |plan: &usize| f64::from(plans.action(*plan, step).settings[axis]);
                let mean = elite.iter().map(value).sum::<f64>() / count;
                let square = elite.iter().map(|plan| (value(plan) - mean).powi(2)).sum::<f64>() / count;
                let (own_mean, own_deviation) = &mut self.settings[step * axes + axis];
                *own_mean = KEPT * *own_mean + (1.0 - KEPT) * mean;
                *own_deviation = KEPT * *own_deviation + (1.0 - KEPT) * square.sqrt();
            }
        }
    }

    /// The distribution for the next decision: one step later, and wider.
    pub fn later(&self, even: &Self) -> Self {
        let (choices, axes) = (self.choices(), self.bounds.len());
        let last = self.horizon - 1;
        let mut later = even.clone();
        for (to, own) in later.probabilities[..last * choices].iter_mut().zip(&self.probabilities[choices..])
        {
            *to = RENEWED * *to + (1.0 - RENEWED) * own;
        }
        for (to, own) in later.settings[..last * axes].iter_mut().zip(&self.settings[axes..]) {
            *to = (own.0, RENEWED * to.1 + (1.0 - RENEWED) * own.1);
        }
        later
    }
}

/// The choice at a place in [0, 1) of the cumulated probabilities; the last possible choice, where rounding leaves a rest.
fn drawn(probabilities: &[f64], unit: f64) -> u32 {
    let (mut sum, mut last) = (0.0, 0);
    for (choice, probability) in probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        sum += probability;
        last = choice as u32;
        if unit < sum {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use setpoint_decision::spec::{Axis, Choice, ChoiceGroup};

    use super::*;

    fn space() -> ActionSpace {
        let choice = |name: &str| Choice { name: name.to_owned(), description: String::new() };
        ActionSpace {
            groups: vec![
                ChoiceGroup::new("a", "", vec![choice("a0"), choice("a1"), choice("a2")]),
                ChoiceGroup::new("b", "", vec![choice("b0"), choice("b1")]),
            ],
            axes: vec![Axis::new("x", "1", -1.0, 3.0, "")],
        }
    }

    #[test]
    fn the_elite_shapes_the_next_round() {
        let (mut found, mut plans) = (Distribution::even(&space(), 4), Plans::new(&space(), 4));
        let mut random = Stream::new(1, "test", 0);
        for _ in 0..6 {
            plans.clear();
            found.draw(400, false, &mut random, &mut plans);
            // Wanted: the choice of the step's number, then b1, and 2.5.
            let wrong = |plan: &usize| {
                let of_step = |step: usize| {
                    let Action { choices, settings } = plans.action(*plan, step);
                    let wrong = u8::from(choices[0] != step as u32 % 3) + u8::from(choices[1] != 1);
                    f64::from(wrong) + f64::from((settings[0] - 2.5).abs())
                };
                (0..4).map(of_step).sum::<f64>()
            };
            let mut order: Vec<usize> = (0..400).collect();
            order.sort_by(|left, right| wrong(left).total_cmp(&wrong(right)));
            found.learn(&plans, &order[..40]);
        }
        for step in 0..4 {
            let (choices, settings) = found.mode(step);
            let (choices, settings): (Vec<u32>, Vec<f32>) = (choices.collect(), settings.collect());
            assert_eq!(choices, [step as u32 % 3, 1]);
            assert!((settings[0] - 2.5).abs() < 0.2, "{settings:?}");
        }
        // One step later, the plan begins with what was its second step.
        let later = found.later(&Distribution::even(&space(), 4));
        assert_eq!(later.mode(0).0.collect::<Vec<_>>(), [1, 1]);
        let sums: Vec<f64> = later.probabilities.chunks(5).map(|p| p[..3].iter().sum()).collect();
        assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-9), "{sums:?}");
    }

    #[test]
    fn forbidden_choices_are_never_drawn_first() {
        let mut found = Distribution::even(&space(), 2);
        found.allow_first(&[false, true, true, false, true]);
        let (mut plans, mut random) = (Plans::new(&space(), 2), Stream::new(2, "test", 0));
        found.draw(300, true, &mut random, &mut plans);
        let first = |plan: usize| plans.action(plan, 0).choices;
        assert!((0..300).all(|plan| first(plan)[0] != 0 && first(plan)[1] == 1));
        assert!((0..300).any(|plan| plans.action(plan, 1).choices[0] == 0));
    }
}
