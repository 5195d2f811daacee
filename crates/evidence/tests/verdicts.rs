//! What headline and gate say about an evaluation: each figure is true of its name, and a refusal has its reason.

use std::fmt::Write;

use setpoint_decision::Project;
use setpoint_decision::safety::Better;
use setpoint_evidence::Decision;
use setpoint_evidence::evaluate::{Compared, Evaluation, Subject, evaluate};
use setpoint_evidence::gate::{Gate, gate, subjects};
use setpoint_evidence::headline::headline;
use setpoint_random::Stream;
use setpoint_statistics::mean;
use setpoint_statistics::versus::{Estimate, Versus, versus};

mod sample;
use sample::policy;

const LINE: &str = "[process]\nkind = \"assembly-line\"\n[reward]\nthroughput_uph = 1.2\nmicro_stops = -4.0\n\
    on_terminated = -200.0\n[train]\nalgorithm = \"ppo\"\n";

fn decision(text: &str) -> Decision {
    let project = Project::from_text("test", text, &[]).unwrap();
    Decision::open(project, &setpoint_processes::registry(), &mut |_| {}).unwrap()
}

fn line(rest: &str) -> Decision {
    decision(&format!(
        "{LINE}[evaluate]\ndeterministic = false\nepisodes = 30\nbaselines = [\"heuristic\", \"random\"]\n{rest}"
    ))
}

fn estimate(low: f64, mean: f64, high: f64) -> Option<Estimate> {
    Some(Estimate { mean, interval: setpoint_statistics::Interval { low, high } })
}

/// An evaluation whose comparison with the gate's baseline a test sets.
fn measured(decision: &Decision) -> Evaluation {
    evaluate(decision, &policy(decision), 1).unwrap()
}

fn gated(evaluation: &Evaluation, decision: &Decision) -> Gate {
    gate(evaluation, decision).unwrap()
}

fn returns(low: f64, mean: f64, high: f64, baseline: f64) -> Compared {
    Compared {
        name: "return".into(),
        unit: "reward".into(),
        better: Some(Better::Higher),
        policy: estimate(baseline + low, baseline + mean, baseline + high),
        baseline: estimate(baseline, baseline, baseline),
        difference: estimate(low, mean, high),
        lift_percent: estimate(
            100.0 * low / baseline.abs(),
            100.0 * mean / baseline.abs(),
            100.0 * high / baseline.abs(),
        )
        .filter(|_| baseline != 0.0),
    }
}

fn terminated(policy: f64, baseline: f64, low: f64, high: f64) -> Compared {
    Compared {
        name: "terminated".into(),
        unit: "%".into(),
        better: None,
        policy: estimate(policy, policy, policy),
        baseline: estimate(baseline, baseline, baseline),
        difference: estimate(low, policy - baseline, high),
        lift_percent: None,
    }
}

/// The whole interval counts, at its very edge, in percent and in units.
#[test]
fn a_lift_is_proven_by_its_whole_interval() {
    let percent = line("required_lift_percent = 5\n");
    let units = line("required_lift = \"40 reward\"\n");
    let mut evaluation = measured(&percent);
    for (low, high, passed, words) in [
        (
            -90.0,
            -10.0,
            false,
            "50.00 less, 6.2\u{a0}% (95\u{a0}% interval 10.00 to 90.00; 1.2\u{a0}% to 11\u{a0}%): it is not better",
        ),
        (-10.0, 90.0, false, "no clear difference"),
        (39.9, 90.0, false, "more, 8.1\u{a0}% (95\u{a0}% interval 39.90 to 90.00; 5.0\u{a0}% to 11\u{a0}%)"),
        (40.0, 90.0, true, "more"),
    ] {
        let comparison = evaluation.comparisons.iter_mut().find(|found| found.baseline == "random").unwrap();
        comparison.headline = Some(returns(low, 0.5 * (low + high), high, 800.0));
        comparison.terminated = Some(terminated(3.0, 3.0, -1.0, 1.0));
        for decision in [&percent, &units] {
            assert_eq!(gated(&evaluation, decision).passed, passed, "{low}");
            let told = headline(&evaluation, decision).unwrap();
            assert!(told.contains(words) && told.contains("uniform random 800.0"), "{told}");
        }
    }
    // Both may be required.
    let both = line("required_lift_percent = 5\nrequired_lift = 1000\n");
    let found = gated(&evaluation, &both);
    assert_eq!(found.findings.iter().map(|finding| finding.passed).collect::<Vec<_>>(), [true, false, true]);
    assert!(!found.passed);
    assert_eq!(gate(&evaluation, &line("")), None);
}

/// A baseline that earns exactly nothing, and a baseline around nothing: better, but not by any percentage.
#[test]
fn a_percentage_of_a_baseline_around_zero_is_refused_with_the_fix() {
    let percent = line("required_lift_percent = 5\n");
    let units = line("required_lift = 0.1\n");
    let mut evaluation = measured(&percent);
    let nothing = Compared { lift_percent: None, ..returns(0.25, 0.5, 0.75, 0.0) };
    let around = Compared { baseline: estimate(-0.3, 0.02, 0.4), ..nothing.clone() };
    for (headlined, interval) in [(nothing, "0.000 to 0.000"), (around, "−0.300 to 0.400")] {
        let comparison = evaluation.comparisons.iter_mut().find(|found| found.baseline == "random").unwrap();
        comparison.headline = Some(headlined);
        comparison.terminated = None;
        let Gate { passed, findings } = gated(&evaluation, &percent);
        let told = &findings[0].sentence;
        assert!(!passed && told.contains("refused") && told.contains(interval), "{told}");
        assert!(told.contains("required_lift = \"0.25 reward\""), "{told}");
        assert!(gated(&evaluation, &units).passed);
        let told = headline(&evaluation, &percent).unwrap();
        assert!(told.contains("0.500 more (95\u{a0}% interval 0.250 to 0.750)"), "{told}");
        let text = format!("{told}{}", serde_json::to_string(&evaluation).unwrap());
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

/// A loss is told by both figures and the difference: 20 less loss is better, whatever its sign and its percentage.
#[test]
fn a_negative_return_is_better_or_worse() {
    let decision = line("required_lift_percent = 5\n");
    let mut evaluation = measured(&decision);
    for (low, mean, high, words) in
        [(10.0, 20.0, 30.0, "20.00 better (95"), (-30.0, -20.0, -10.0, "20.00 worse (95")]
    {
        let comparison = evaluation.comparisons.iter_mut().find(|found| found.baseline == "random").unwrap();
        comparison.headline = Some(returns(low, mean, high, -80.0));
        let told = headline(&evaluation, &decision).unwrap();
        assert!(told.contains(words) && told.contains("uniform random −80.00"), "{told}");
        assert!(!told.contains("25"), "no percentage of a loss: {told}");
        assert_eq!(gated(&evaluation, &decision).passed, low > 0.0);
    }
}

/// More failures than the baseline fail the gate, whatever the lift, unless the project allows them.
#[test]
fn more_failures_fail_the_gate_unless_allowed() {
    let rest = "required_lift_percent = 5\n";
    let decision = line(rest);
    let mut evaluation = measured(&decision);
    let mut fails = |rest: &str, shares: Compared| {
        let comparison = evaluation.comparisons.iter_mut().find(|found| found.baseline == "random").unwrap();
        comparison.headline = Some(returns(90.0, 100.0, 110.0, 800.0));
        comparison.terminated = Some(shares);
        let decision = line(rest);
        let told = headline(&evaluation, &decision).unwrap();
        let found = gated(&evaluation, &decision);
        let named = found.findings.iter().any(|finding| finding.name == "failures" && !finding.passed);
        assert_eq!(named, !found.passed);
        (named, told)
    };
    let (failed, told) = fails(rest, terminated(40.0, 2.0, 30.0, 46.0));
    assert!(failed && told.contains("But 40\u{a0}% of the policy's episodes end in failure"), "{told}");
    assert!(told.contains("30.00 to 46.00 percentage points more"), "{told}");
    // Chance, fewer, allowed by so many points, allowed altogether.
    assert!(!fails(rest, terminated(4.0, 2.0, -0.5, 4.0)).0);
    let (failed, told) = fails(rest, terminated(1.0, 20.0, -25.0, -12.0));
    assert!(!failed && !told.contains("failure"), "{told}");
    assert!(fails(&format!("{rest}allow_more_failures = 29.5\n"), terminated(40.0, 2.0, 30.0, 46.0)).0);
    for allowed in ["allow_more_failures = 30.0\n", "allow_more_failures = true\n"] {
        let (failed, told) = fails(&format!("{rest}{allowed}"), terminated(40.0, 2.0, 30.0, 46.0));
        assert!(!failed && told.contains("end in failure"), "a trade is told: {told}");
    }
    // Where the end is the goal, more of them are no failures; fewer are told.
    let goal = format!("{rest}termination = \"goal\"\n");
    assert!(!fails(&goal, terminated(40.0, 2.0, 30.0, 46.0)).0);
    let (failed, told) = fails(&goal, terminated(2.0, 40.0, -46.0, -30.0));
    assert!(!failed && told.contains("But 2.0\u{a0}% of the policy's episodes reach their end"), "{told}");
}

/// A signal of `[safety]` that is clearly worse stands in the headline and fails the gate; within its margin it is a trade
/// that the headline names.
#[test]
fn a_worse_safety_signal_is_told_and_judged() {
    let project = |safety: &str| {
        decision(&format!(
            "{LINE}[safety]\n{safety}\n[evaluate]\ndeterministic = false\nepisodes = 30\nbaselines = [\"random\"]\n"
        ))
    };
    let strict = project("micro_stops = \"lower\"");
    let mut evaluation = measured(&strict);
    let mut judged = |decision: &Decision, low: f64, high: f64| {
        evaluation.comparisons[0].headline = Some(returns(90.0, 100.0, 110.0, 800.0));
        evaluation.comparisons[0].terminated = None;
        let stops = &mut evaluation.comparisons[0].safety[0];
        stops.difference = estimate(low, 0.5 * (low + high), high);
        stops.policy = estimate(2.0, 2.5, 3.0);
        let found = gated(&evaluation, decision);
        (found.passed, found.findings[0].sentence.clone(), headline(&evaluation, decision).unwrap())
    };
    let (passed, finding, told) = judged(&strict, 0.4, 0.8);
    assert!(
        !passed && finding.contains("worse by 0.400 to 0.800\u{a0}stops, beyond its margin"),
        "{finding}"
    );
    assert!(told.contains("But safety: micro_stops (lower is better) is 2.50\u{a0}stops"), "{told}");
    for (low, high, word) in [(-0.1, 0.8, "no clear difference"), (-0.8, -0.4, "better by 0.400 to 0.800")] {
        let (passed, finding, told) = judged(&strict, low, high);
        assert!(passed && finding.contains(word) && !told.contains("safety"), "{finding} {told}");
    }
    let wide = project("micro_stops = { better = \"lower\", margin = 0.4 }");
    let (passed, finding, told) = judged(&wide, 0.4, 0.8);
    assert!(passed && finding.contains("a trade within its margin of 0.400\u{a0}stops"), "{finding}");
    assert!(told.contains("It trades safety: micro_stops"), "{told}");
    assert!(!judged(&wide, 0.41, 0.8).0);
}

/// A named signal as the headline, of which less is better: both deciders by its figure, the gate by the same, and other
/// evidence is not taken for it.
#[test]
fn a_signal_can_be_the_headline() {
    let shop = |rest: &str| {
        decision(&format!(
            "[process]\nkind = \"job-shop\"\ninstance = \"ft06\"\n[reward]\nmakespan_bound = -1.0\n[evaluate]\n\
             episodes = 10\nbaselines = [\"random\", \"lpt\"]\nagainst = \"random\"\n{rest}"
        ))
    };
    let makespan =
        shop("headline = \"makespan\"\nheadline_better = \"lower\"\nrequired_lift = \"-500 time\"\n");
    let evaluation = measured(&makespan);
    let found = evaluation.comparisons[0].headline.as_ref().unwrap();
    let of =
        |subject: &Subject| subject.signals.iter().find(|signal| signal.name == "makespan").unwrap().mean;
    let [policy, random] = [of(&evaluation.policy), of(&evaluation.baselines[0])];
    assert!((found.policy.unwrap().mean - policy).abs() < 1e-9 * policy);
    assert!((found.improvement().unwrap().mean - (random - policy)).abs() < 1e-9 * policy);
    let lift = 100.0 * (random - policy) / random;
    assert!((found.lift_percent.unwrap().mean - lift).abs() < 1e-9 * policy);
    let told = headline(&evaluation, &makespan).unwrap();
    assert!(
        told.starts_with("Makespan is ") && told.contains("\u{a0}units of time with uniform random"),
        "{told}"
    );
    assert!(gated(&evaluation, &makespan).passed);
    // The other way round it is another question, and so is the return.
    for rest in [
        "required_lift = -500\n",
        "headline = \"makespan\"\nheadline_better = \"higher\"\nrequired_lift = -500\n",
    ] {
        let other = shop(rest);
        let found = gated(&evaluation, &other);
        assert!(!found.passed && found.findings[0].sentence.contains("evaluate again"), "{found:?}");
        assert!(headline(&evaluation, &other).unwrap().contains("evaluate again"));
    }
}

/// The unit of `breakdowns` is its name, so it stands once; a name of several words is never changed.
#[test]
fn no_sentence_says_a_name_twice() {
    let bearing = |headline: &str| {
        decision(&format!(
            "[process]\nkind = \"condition-monitoring\"\n[reward]\ndowntime = -1.0\n[safety]\nbreakdowns = \"lower\"\n\
             [evaluate]\ndeterministic = false\nepisodes = 4\nbaselines = [\"heuristic\"]\nheadline = \"{headline}\"\n\
             headline_better = \"lower\"\n"
        ))
    };
    let breakdowns = bearing("breakdowns");
    let mut evaluation = measured(&breakdowns);
    let found = Compared {
        name: "breakdowns".into(),
        unit: "breakdowns".into(),
        better: Some(Better::Lower),
        policy: estimate(0.2, 0.25, 0.3),
        baseline: estimate(0.0, 0.0, 0.0),
        difference: estimate(0.2, 0.25, 0.3),
        lift_percent: None,
    };
    evaluation.comparisons[0].headline = Some(found.clone());
    evaluation.comparisons[0].safety = vec![found.clone()];
    let told = headline(&evaluation, &breakdowns).unwrap();
    assert!(told.starts_with("Breakdowns is 0.250 an episode with "), "{told}");
    assert!(!told.to_lowercase().contains("0 breakdowns"), "{told}");
    assert!(
        told.contains(
            "breakdowns (lower is better) is 0.250, the heuristic has 0.000: worse by 0.200 to 0.300, "
        ),
        "{told}"
    );
    let heuristic = &evaluation.baselines[0];
    assert!(heuristic.description.starts_with("vibration-limit: raises"), "{}", heuristic.description);
    let named = Subject { name: "vibration-limit".into(), ..heuristic.clone() };
    assert!(named.description_alone().starts_with("raises an alarm"), "{}", named.description_alone());
    assert_eq!(heuristic.description_alone(), heuristic.description);

    let alarms = bearing("false_alarms");
    let mut evaluation = measured(&alarms);
    evaluation.comparisons[0].headline =
        Some(Compared { name: "false_alarms".into(), unit: "alarms".into(), ..found });
    let told = headline(&evaluation, &alarms).unwrap();
    assert!(told.starts_with("The signal false_alarms is 0.250\u{a0}alarms an episode with "), "{told}");
}

/// Files from before these figures are read, and say what they lack.
#[test]
fn evidence_without_the_new_figures_is_not_judged() {
    let decision = line("required_lift_percent = 5\n");
    let mut evaluation = measured(&decision);
    let whole: serde_json::Value = serde_json::to_value(&evaluation).unwrap();
    for comparison in &mut evaluation.comparisons {
        (comparison.headline, comparison.terminated) = (None, None);
        comparison.safety.clear();
    }
    let stored = serde_json::to_value(&evaluation).unwrap();
    let keys = |value: &serde_json::Value| value["comparisons"][0].as_object().unwrap().len();
    assert_eq!(keys(&whole), keys(&stored) + 2);
    let read: Evaluation = serde_json::from_value(stored).unwrap();
    assert_eq!(read, evaluation);
    let found = gated(&read, &decision);
    assert!(!found.passed && found.findings[0].sentence.starts_with("not judged"), "{found:?}");
    // The gate's baseline stands next to the policy, wherever the project lists it.
    let names: Vec<&str> = subjects(&read, &decision).iter().map(|subject| subject.name.as_str()).collect();
    assert_eq!(names, ["policy", "random", "heuristic"]);
}

/// 300 random comparisons, with zeros, losses, and figures that are not finite: no text of headline or gate, and no JSON, ever
/// holds a number that is not finite, and a percent of lift stands in a text only if the statistics give a lift.
#[test]
fn no_comparison_can_make_a_text_with_a_number_that_is_not_finite() {
    let decision = line("required_lift_percent = 5\nrequired_lift = 3\n");
    let mut evaluation = measured(&decision);
    let mut random = Stream::new(31, "comparisons", 0);
    for _ in 0..300 {
        let mut sample = |kind: u32| -> Vec<f64> {
            let scale = 10_f64.powi(random.below(9) as i32 - 4);
            let centre = f64::from(random.normal()) * scale * 3.0;
            let value = |random: &mut Stream| match kind {
                0 => 0.0,
                1 => centre,
                2 => f64::from(random.normal()) * scale,
                _ => centre + f64::from(random.normal()) * scale,
            };
            let mut values: Vec<f64> = (0..12).map(|_| value(&mut random)).collect();
            if random.below(8) == 0 {
                values[3] = [f64::INFINITY, f64::NAN, f64::NEG_INFINITY][random.below(3) as usize];
            }
            values
        };
        let (own, other) = (sample(3), sample(3));
        let (own, other) = if own[0] > 0.0 { (own, other) } else { (sample(1), sample(0)) };
        let of = |values: &[f64], indices: &[usize]| mean(indices.iter().map(|index| values[*index]));
        let found: Versus =
            versus(12, &mut random, |indices| of(&own, indices), |indices| of(&other, indices));
        let finite = |estimate: Estimate| Some(estimate).filter(Estimate::is_finite);
        let comparison = evaluation.comparisons.iter_mut().find(|found| found.baseline == "random").unwrap();
        comparison.headline = Some(Compared {
            policy: finite(found.own),
            baseline: finite(found.other),
            difference: finite(found.difference),
            lift_percent: found.lift,
            ..returns(0.0, 0.0, 0.0, 1.0)
        });
        let gate = gated(&evaluation, &decision);
        let mut text = headline(&evaluation, &decision).unwrap();
        gate.findings.iter().for_each(|finding| write!(text, "{}", finding.sentence).unwrap());
        text += &serde_json::to_string(&comparison_of(&evaluation)).unwrap();
        assert!(!text.contains("NaN") && !text.contains("inf") && !text.contains("null,\"low"), "{text}");
        let percent = &gate.findings[0].sentence;
        assert_eq!(percent.contains("found: "), found.lift.is_some(), "{percent} {found:?}");
    }
}

fn comparison_of(evaluation: &Evaluation) -> &Compared {
    evaluation
        .comparisons
        .iter()
        .find_map(|found| found.headline.as_ref().filter(|_| found.baseline == "random"))
        .unwrap()
}

/// A baseline that random actions beat makes every lift look great; so the first lines say it, and only then.
#[test]
fn a_baseline_worse_than_random_actions_is_told() {
    let text = format!(
        "{LINE}[evaluate]\ndeterministic = false\nepisodes = 30\nbaselines = [\"random\", \"heuristic\"]\nagainst = \"heuristic\"\n"
    );
    let decision = decision(&text);
    let mut evaluation = measured(&decision);
    let mut told = |random: f64, heuristic: f64| {
        for comparison in &mut evaluation.comparisons {
            let figure = if comparison.baseline == "random" { random } else { heuristic };
            let found = returns(90.0, 100.0, 110.0, figure);
            comparison.headline =
                Some(Compared { baseline: estimate(figure - 5.0, figure, figure + 5.0), ..found });
        }
        headline(&evaluation, &decision).unwrap()
    };
    let sentence = "Random actions are better than the heuristic: 520.0 against 500.0.";
    assert!(told(520.0, 500.0).contains(sentence));
    // The intervals touch, or the baseline is better.
    assert!(!told(508.0, 500.0).contains("Random actions") && !told(400.0, 500.0).contains("Random actions"));
}

/// A loss that the project allows is no surprise, and no praise.
#[test]
fn a_loss_within_the_limit_of_the_project_says_both() {
    let (allowed, strict) = (line("required_lift_percent = -5\n"), line("required_lift_percent = 5\n"));
    let mut evaluation = measured(&allowed);
    let comparison = evaluation.comparisons.iter_mut().find(|found| found.baseline == "random").unwrap();
    comparison.headline = Some(returns(-27.0, -25.0, -23.0, -1_000.0));
    comparison.terminated = None;
    let told = headline(&evaluation, &allowed).unwrap();
    assert!(told.contains(": 2.5\u{a0}% of the baseline, and the project allows 5.0\u{a0}%."), "{told}");
    let found = gated(&evaluation, &allowed);
    assert!(found.findings[0].passed);
    let sentence = &found.findings[0].sentence;
    assert!(sentence.contains("at least −5\u{a0}%, a loss; found: −2.5\u{a0}%"), "{sentence}");
    assert!(headline(&evaluation, &strict).unwrap().contains("it is not better"));
    // Of a positive figure the percent stands before.
    evaluation
        .comparisons
        .iter_mut()
        .for_each(|found| found.headline = Some(returns(-27.0, -25.0, -23.0, 1_000.0)));
    let told = headline(&evaluation, &allowed).unwrap();
    assert!(
        told.contains("25.00 less, 2.5\u{a0}%") && told.contains(": the project allows 5.0\u{a0}%."),
        "{told}"
    );
}

/// Half as many again is 50 %, and from 20 % to 30 % it is 10 percentage points.
#[test]
fn a_difference_of_shares_has_percentage_points() {
    let decision = decision(
        "[process]\nkind = \"assembly-setup\"\n[reward]\nideal = 1\n[train]\nalgorithm = \"ppo\"\n[safety]\nideal = \"higher\"\n[evaluate]\n\
         deterministic = false\nepisodes = 3\nbaselines = [\"random\"]\nheadline = \"ideal\"\nrequired_lift = 5\n",
    );
    let mut evaluation = measured(&decision);
    let share = Compared {
        name: "ideal".into(),
        unit: "%".into(),
        better: Some(Better::Higher),
        policy: estimate(29.0, 30.0, 31.0),
        baseline: estimate(19.0, 20.0, 21.0),
        difference: estimate(9.0, 10.0, 11.0),
        lift_percent: estimate(45.0, 50.0, 55.0),
    };
    let comparison = &mut evaluation.comparisons[0];
    (comparison.headline, comparison.safety) = (Some(share.clone()), vec![share]);
    let told = headline(&evaluation, &decision).unwrap();
    let words = "Ideal is 30\u{a0}% of the steps with PPO and 20\u{a0}% with uniform random: 10.00\u{a0}percentage points more, 50\u{a0}%";
    assert!(told.contains(words), "{told}");
    let found = gated(&evaluation, &decision).findings;
    let texts: Vec<&str> = found.iter().map(|finding| finding.sentence.as_str()).collect();
    assert!(
        texts[0].contains("at least 5.00\u{a0}percentage points; found: 10.00\u{a0}percentage points"),
        "{texts:?}"
    );
    assert!(texts.last().unwrap().contains("better by 9.00 to 11.00\u{a0}percentage points"), "{texts:?}");
}
