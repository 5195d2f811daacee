//! Random actions for checks of a process: always the same, and only allowed ones.

use setpoint_decision::spec::ActionSpace;
use setpoint_random::Stream;

use crate::vectorized::Actions;

/// Random actions, one for each lane.
pub struct RandomActions<'a> {
    space: &'a ActionSpace,
    lanes: usize,
    random: Stream,
    choices: Vec<u32>,
    settings: Vec<f32>,
}

impl<'a> RandomActions<'a> {
    /// For so many lanes.
    pub fn new(space: &'a ActionSpace, lanes: usize) -> Self {
        let random = Stream::new(0, "conformance actions", 0);
        Self { space, lanes, random, choices: vec![], settings: vec![] }
    }

    /// Draws one action for each lane. `allowed` is `[lanes, choices]`, or empty if no choice is ever forbidden; each group of
    /// each lane must allow a choice.
    pub fn draw(&mut self, allowed: &[bool]) {
        let Self { space, lanes, random, choices, settings } = self;
        choices.clear();
        settings.clear();
        let width = space.choice_count();
        for lane in 0..*lanes {
            for (_, places) in space.placed_groups() {
                choices.push(loop {
                    let choice = random.below(places.len() as u32);
                    if allowed.is_empty() || allowed[lane * width + places.start + choice as usize] {
                        break choice;
                    }
                });
            }
            settings.extend(space.axes.iter().map(|axis| random.uniform(axis.low, axis.high)));
        }
    }

    /// The actions.
    pub fn view(&self) -> Actions<'_> {
        Actions { choices: &self.choices, settings: &self.settings }
    }
}
