//! The importance of an option among the trials: the share of the score's variance that lies between its values, ε² (Kelley
//! 1935), which is η² without the share of chance. It measures one option at a time, not combinations.

/// ε² of scores grouped by an option's encoded value: equal values for lists, quarters of the sorted values for numbers. `None`
/// with too few trials.
pub fn importance(encoded: &[f64], scores: &[f64]) -> Option<f64> {
    let mut pairs: Vec<(f64, f64)> = encoded
        .iter()
        .copied()
        .zip(scores.iter().copied())
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = pairs.len();
    let mut distinct = pairs.clone();
    distinct.dedup_by(|a, b| a.0 == b.0);
    let groups: Vec<Vec<f64>> = if distinct.len() <= 8 {
        let of = |value: f64| pairs.iter().filter(|(x, _)| *x == value).map(|(_, y)| *y).collect();
        distinct.iter().map(|(value, _)| of(*value)).collect()
    } else {
        (0..4)
            .map(|group| pairs[group * n / 4..(group + 1) * n / 4].iter().map(|(_, y)| *y).collect())
            .collect()
    };
    if groups.len() < 2 || n < groups.len() + 4 {
        return None;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let all: Vec<f64> = pairs.iter().map(|(_, y)| *y).collect();
    let grand = mean(&all);
    let total: f64 = all.iter().map(|y| (y - grand).powi(2)).sum();
    let within: f64 = groups
        .iter()
        .map(|group| {
            let centre = mean(group);
            group.iter().map(|y| (y - centre).powi(2)).sum::<f64>()
        })
        .sum();
    if total <= 0.0 {
        return None;
    }
    let expected = within / (n - groups.len()) as f64 * (n - 1) as f64;
    Some((1.0 - expected / total).max(0.0))
}

#[cfg(test)]
mod tests {
    use setpoint_random::Stream;

    use super::*;

    #[test]
    fn what_decides_has_all_of_it_and_what_does_not_has_none() {
        let mut random = Stream::new(4, "importance", 0);
        let n = 4_000;
        let decides: Vec<f64> = (0..n).map(|_| f64::from(random.below(4))).collect();
        let number: Vec<f64> = (0..n).map(|_| f64::from(random.unit())).collect();
        let noise: Vec<f64> = (0..n).map(|_| f64::from(random.normal())).collect();
        assert!((importance(&decides, &decides).unwrap() - 1.0).abs() < 1e-9);
        assert!(importance(&number, &noise).unwrap() < 0.01);
        // Half of the variance: a choice of variance 1.25 and noise of the same.
        let half: Vec<f64> = decides.iter().zip(&noise).map(|(x, e)| x + 1.25_f64.sqrt() * e).collect();
        assert!((importance(&decides, &half).unwrap() - 0.5).abs() < 0.04);
        assert_eq!(importance(&[1.0, 2.0, 1.0], &[1.0, 2.0, 3.0]), None, "too few trials");
    }
}
