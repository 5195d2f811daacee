//! What a reader takes from a learning curve: a position tells its value by the numbers of the axis, and no text is cut.

use setpoint_page::axis::width;
use setpoint_page::chart::{Band, dots, learning_bands, learning_curve};
use setpoint_statistics::{Interval, Summary};

/// Numbers in [0, 1) of a fixed sequence.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A curve of 300 episodes that rises from `start` to `end`, with some very bad episodes.
fn curve(numbers: &mut Numbers, start: f64, end: f64, worst: f64) -> Vec<(u64, f64)> {
    let value =
        |index: u64, noise: f64| start + (end - start) * index as f64 / 300.0 + 0.2 * (end - start) * noise;
    (0..300)
        .map(|index| {
            let noise = numbers.next() - 0.5;
            let is_bad = numbers.next() < 0.02;
            (index * 1_000, if is_bad { worst * (1.0 + numbers.next()) } else { value(index, noise) })
        })
        .collect()
}

/// The values of an attribute in the elements that begin with `element`.
fn attributes(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
    let name = format!(" {attribute}=\"");
    let value = |part: &str| part.split(&name).nth(1)?.split('"').next()?.parse().ok();
    svg.split(element).skip(1).map(|part| value(part).unwrap()).collect()
}

/// What a reader does: takes the value of a height from the numbers of the axis.
fn reading(svg: &str) -> impl Fn(f64) -> f64 {
    let heights = attributes(svg, "<line class=\"grid\"", "y1");
    let number = |text: &str| -> f64 {
        let text = text.replace('−', "-");
        let (digits, factor) = match text.strip_suffix('k') {
            Some(digits) => (digits.to_owned(), 1e3),
            None => (text, 1.0),
        };
        digits.parse::<f64>().unwrap() * factor
    };
    let texts = svg.split("text-anchor=\"end\">").skip(1).map(|part| number(part.split('<').next().unwrap()));
    let known: Vec<(f64, f64)> = heights.into_iter().zip(texts).collect();
    let ((y0, first), (y1, last)) = (known[0], known[known.len() - 1]);
    move |y| first + (last - first) * (y - y0) / (y1 - y0)
}

#[test]
fn every_position_tells_its_value_or_is_marked_as_outside() {
    let mut numbers = Numbers(7);
    for _ in 0..40 {
        let start = -2_000.0 * numbers.next();
        let end = start + 10.0 + 1_000.0 * numbers.next();
        let points = curve(&mut numbers, start, end, 4.0 * start - 500.0);
        let baselines: Vec<(String, f64)> = (0..5)
            .map(|index| (format!("rule-{index}"), start + (end - start) * (4.0 * numbers.next() - 2.0)))
            .collect();
        let chart = learning_curve(std::slice::from_ref(&points), &baselines, &[(150_000, end)]);
        let read = reading(&chart.html);
        let heights = attributes(&chart.html, "<line class=\"baseline\"", "y1");
        let mut sorted: Vec<f64> = baselines.iter().map(|(_, value)| *value).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        // Positions have one decimal; the whole height is 240 units.
        let tolerance = (read(0.0) - read(1.0)).abs() * 0.25;
        assert_eq!(heights.len(), sorted.len(), "no baseline here is far from the curve");
        for (height, value) in heights.iter().zip(&sorted) {
            assert!(
                (read(*height) - value).abs() < tolerance,
                "a baseline of {value} is drawn at {}",
                read(*height)
            );
        }
        let dots = attributes(&chart.html, "<circle", "cy");
        let marks = chart.html.matches("class=\"outside\"").count();
        assert_eq!(dots.len() + marks, points.len());
        let floor = read(14.0 + 240.0) - tolerance;
        let mut drawn = dots.iter();
        let mut outside = 0;
        for (_, value) in &points {
            if *value < floor {
                outside += 1;
                continue;
            }
            let height = drawn.next().expect("a dot for each value in the frame");
            assert!((read(*height) - value).abs() < tolerance, "{value} is drawn at {}", read(*height));
        }
        assert_eq!(outside, marks);
        let says = chart.outside.contains(&format!(" {marks} of the 300 dots"));
        assert_eq!(says, marks > 0, "{}", chart.outside);
    }
}

#[test]
fn a_baseline_that_would_flatten_the_curve_stands_in_the_caption_with_its_figure() {
    let mut numbers = Numbers(3);
    let points: Vec<(u64, f64)> = (0..200).map(|index| (index * 50, 90.0 + 4.0 * numbers.next())).collect();
    let baselines =
        [("close".to_owned(), 88.5), ("very <bad>".to_owned(), -4_321.0), ("ideal".to_owned(), 700.0)];
    let chart = learning_curve(&[points], &baselines, &[]);
    assert_eq!(chart.html.matches("class=\"baseline\"").count(), 1);
    assert!(chart.html.contains("<title>close</title>"), "{}", chart.html);
    assert_eq!(
        chart.outside,
        " Far above the chart: ideal (700.0). Far below the chart: very &lt;bad&gt; (−4321.0)."
    );
}

/// Every text with its ends, by a bound of its width; of an SVG with a width of 720.
fn texts(svg: &str) -> Vec<(String, f64, f64, f64)> {
    let read = |part: &str| {
        let (tag, content) = part.split_once('>').unwrap();
        let content = content.split('<').next().unwrap().to_owned();
        let attribute =
            |name: &str| tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        let at = |name: &str| attribute(name).unwrap().parse::<f64>().unwrap();
        let (x, y, width) = (at(" x"), at(" y"), width(&content));
        let left = match attribute("text-anchor") {
            Some("end") => x - width,
            Some("middle") => x - 0.5 * width,
            _ => x,
        };
        (content, left, left + width, y)
    };
    svg.split("<text").skip(1).map(read).collect()
}

#[test]
fn no_text_is_cut_and_names_of_baselines_stand_apart() {
    let mut numbers = Numbers(11);
    for scale in [0.5, 40.0, 3_000.0, 25_000.0, 4e6] {
        for steps in [90, 300_000, 3_002_368] {
            let value = |numbers: &mut Numbers| scale * (2.0 * numbers.next() - 1.5);
            let points: Vec<(u64, f64)> = (1..=100).map(|i| (steps * i / 100, value(&mut numbers))).collect();
            for count in [0, 1, 6, 15] {
                let baselines: Vec<(String, f64)> = (0..count)
                    .map(|index| (format!("first-come-first-served-{index}"), value(&mut numbers) * 0.1))
                    .collect();
                let points_of_band = points
                    .iter()
                    .map(|(steps, mean)| (*steps as f64, *mean, Interval { low: *mean, high: *mean }));
                let band = Band { series: 0, points: points_of_band.collect() };
                let charts = [
                    learning_curve(std::slice::from_ref(&points), &baselines, &[]),
                    learning_bands(&[band], &baselines),
                ];
                for chart in charts {
                    let html = &chart.html;
                    let height = html.split("0 0 720 ").nth(1).unwrap().split('"').next().unwrap();
                    let height: f64 = height.parse().unwrap();
                    for (text, left, right, y) in texts(html) {
                        assert!(left >= 0.0 && right <= 720.0, "{text:?} from {left} to {right}");
                        assert!(y >= 15.0 && y <= height - 5.0, "{text:?} at {y} of {height}");
                    }
                    let names = attributes(html, "<text class=\"label\"", "y");
                    assert_eq!(names.len(), count, "each baseline has a name");
                    assert!(names.windows(2).all(|pair| pair[1] - pair[0] >= 21.8), "{names:?}");
                    let starts = attributes(html, "<text class=\"label\"", "x");
                    let end =
                        attributes(html, "<line class=\"baseline\"", "x2").first().copied().unwrap_or(0.0);
                    assert!(starts.iter().all(|start| *start > end), "no name stands where the curve runs");
                }
            }
        }
    }
}

#[test]
fn a_name_stands_at_its_own_line_where_there_is_room() {
    let points: Vec<(u64, f64)> = (0..100).map(|index| (index, f64::from(index as u32))).collect();
    let baselines = [("low".to_owned(), 10.0), ("middle".to_owned(), 50.0), ("high".to_owned(), 90.0)];
    let chart = learning_curve(&[points], &baselines, &[]);
    let lines = attributes(&chart.html, "<line class=\"baseline\"", "y1");
    let names = attributes(&chart.html, "<text class=\"label\"", "y");
    assert!(
        lines.iter().zip(&names).all(|(line, name)| (name - line - 5.0).abs() < 0.11),
        "{lines:?} {names:?}"
    );
}

#[test]
fn numbers_at_the_ends_of_the_axis_of_seeds_are_not_cut() {
    for scale in [1.0, 60.0, 1_234.0, 98_765.0] {
        let values = [-3.0, -2.0, -1.5, -0.02].map(|value| value * scale);
        let summary = Summary::with_interval(&values, Interval { low: values[0], high: values[3] });
        let svg = dots(&values, &summary, "return of each seed");
        for (text, left, right, _) in texts(&svg) {
            assert!(left >= 0.0 && right <= 720.0, "{text:?} from {left} to {right}");
        }
    }
}
