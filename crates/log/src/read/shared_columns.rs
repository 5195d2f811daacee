//! Two meanings of one column: a figure would be taken for another.

use setpoint_decision::spec::Spec;

use crate::mapping::Mapping;

/// Two features, two signals, or two of feature, action, reward, probability and end that are read from one column, as a
/// sentence. A feature and a signal may share one: the signal is then the feature before the action.
pub fn shared(mapping: &Mapping, header: &[String], spec: &Spec) -> Option<String> {
    let features = spec.observation.iter().zip(&mapping.features);
    let features = features.map(|(feature, column)| (format!("feature `{}`", feature.name), *column));
    let (action, groups) = (spec.action.part_names(), spec.action.groups.len());
    let actions = mapping.actions.iter().enumerate().map(|(index, column)| match mapping.actions.len() {
        1 => ("action".to_owned(), *column),
        _ if index < groups => (format!("group of choices `{}`", action[index]), *column),
        _ => (format!("setting `{}`", action[index]), *column),
    });
    let single = [
        ("reward", mapping.reward),
        ("probability", mapping.probability),
        ("terminated", mapping.terminated),
    ];
    let single = single.into_iter().filter_map(|(name, column)| Some((name.to_owned(), column?)));
    let signals = spec.signals.iter().zip(&mapping.signals);
    let signals =
        signals.filter_map(|(signal, column)| Some((format!("signal `{}`", signal.name), (*column)?)));
    let once: Vec<(String, usize)> = features.chain(actions).chain(single).collect();
    let signals: Vec<(String, usize)> = signals.collect();
    [once, signals].iter().find_map(|names| {
        names.iter().enumerate().find_map(|(index, (second, column))| {
            let (first, _) = names[..index].iter().find(|(_, other)| other == column)?;
            Some(format!("the {first} and the {second} have one column, `{}`", header[*column]))
        })
    })
}
