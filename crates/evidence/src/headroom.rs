//! How much is still to be had: the policy against the planner, which looks ahead in copies of the process.

use setpoint_decision::planning::MPC;
use setpoint_statistics::versus::Estimate;

use crate::decision::Decision;
use crate::evaluate::{Compared, Comparison, Evaluation};
use crate::gate::against;
use crate::wording::{amount, baseline, ends, figure, percent, unit_of_difference, without_repeated_unit};

/// The gap between the policy and the planner as sentences; `None` if the evaluation has no planner.
pub fn headroom(evaluation: &Evaluation, decision: &Decision) -> Option<String> {
    let with_planner = evaluation.comparisons.iter().find(|comparison| comparison.baseline == MPC)?;
    let compared = without_repeated_unit(with_planner.headline.as_ref()?);
    let unit = unit_of_difference(&compared.unit);
    let better = compared.improvement()?;
    let horizon = decision.project.planning.horizon;
    let (own, planned) = (figure(compared.policy, &compared.unit), figure(compared.baseline, &compared.unit));
    let figures = format!(
        "A plan of {horizon} steps in copies of the process (mpc) has the {} {planned}, the policy {own}",
        compared.name.replace('_', " ")
    );
    let interval = |found: Estimate| format!("95\u{a0}% interval {}", ends(found.interval, unit));
    let gap = better.negated();
    let verdict = if gap.interval.low > 0.0 {
        format!("at least {} ({}) is still to be had", amount(gap.mean, unit), interval(gap))
    } else if better.interval.low > 0.0 {
        format!(
            "the policy is better by {} ({}), so this plan is no bound: a longer horizon or more plans may find more",
            amount(better.mean, unit),
            interval(better)
        )
    } else {
        format!(
            "no clear difference ({} of the difference), so this plan finds nothing more",
            interval(better)
        )
    };
    let mut text = format!("{figures}: {verdict}.");
    if let Some((share, of)) = against(evaluation, decision).and_then(|found| share_of_gain(&compared, found))
    {
        text +=
            &format!(" The policy has {} of the plan's gain over {}.", percent(100.0 * share), baseline(of));
    }
    Some(text)
}

/// The policy's share of the planner's gain over the baseline of the gate; `None` if the planner is not clearly better than it.
fn share_of_gain<'c>(planner: &Compared, gate: &'c Comparison) -> Option<(f64, &'c str)> {
    let compared = gate.headline.as_ref().filter(|compared| compared.name == planner.name)?;
    let (base, own, planned) = (compared.baseline?, compared.policy?, planner.baseline?);
    // Both gains have the sign of the better direction.
    let (gain, possible) = (own.mean - base.mean, planned.mean - base.mean);
    let apart = planned.interval.low > base.interval.high || planned.interval.high < base.interval.low;
    let is_better = (possible > 0.0) == (planner.better? == setpoint_decision::safety::Better::Higher);
    (apart && is_better && gate.baseline != MPC).then_some((gain / possible, gate.baseline.as_str()))
}
