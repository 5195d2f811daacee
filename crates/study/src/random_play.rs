//! Random play for the checks of a project: what it shows needs no training.

use setpoint_evidence::Decision;
use setpoint_evidence::deciders::{RANDOM, baseline};
use setpoint_evidence::player::{Player, Step};

/// Environments.
pub const LANES: usize = 8;
const SEED: u64 = 1;

/// Plays `steps` steps in each of 8 environments; gives the number of steps of all. If the process fails after some steps, these
/// count: the checks of the process report the failure.
pub fn random_play(
    decision: &Decision,
    purpose: &str,
    steps: usize,
    observe: &mut dyn FnMut(&Step<'_>),
) -> u64 {
    let Ok(Some(mut decider)) = baseline(RANDOM, decision, SEED, LANES) else { return 0 };
    let Ok(mut player) = Player::new(decision, LANES, SEED, purpose) else { return 0 };
    let mut count = 0;
    let _ = player.play(&mut decider, &mut |step: &Step<'_>| {
        count += 1;
        observe(step);
        (step.count as usize) < steps
    });
    count
}
