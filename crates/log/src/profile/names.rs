//! Names of a project from the headings of a log.

/// A heading as a name: letters and digits in lower case, `_` between words, without the unit in brackets. Two headings never get
/// one name: a number is added.
pub fn name(heading: &str, taken: &[String]) -> String {
    let base = heading.split(['[', '(']).next().filter(|base| !base.trim().is_empty()).unwrap_or(heading);
    let mut name = String::new();
    let mut last = ' ';
    for c in base.trim().chars() {
        let begins_word = last.is_lowercase() && c.is_uppercase();
        if (begins_word || !c.is_alphanumeric()) && !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
        if c.is_alphanumeric() {
            name.extend(c.to_lowercase());
        }
        last = c;
    }
    let name = name.trim_end_matches('_');
    let name = match name.chars().next() {
        None => "column".to_owned(),
        Some(first) if first.is_numeric() => format!("c{name}"),
        Some(_) => name.to_owned(),
    };
    let mut numbered = (2..).map(|number| format!("{name}_{number}"));
    if taken.contains(&name) {
        numbered.find(|other| !taken.contains(other)).expect("there is always a next number")
    } else {
        name
    }
}

/// The words of a heading in lower case, with the digits apart. `FillLevelSP_2` has the words fill, level, sp.
pub fn words(heading: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut last = ' ';
    for c in heading.chars() {
        if (last.is_lowercase() && c.is_uppercase()) || (last.is_alphabetic() && c.is_numeric()) {
            spaced.push(' ');
        }
        spaced.push(c);
        last = c;
    }
    let lower = spaced.to_lowercase();
    let words =
        lower.split(|c: char| !c.is_alphanumeric() && c != '°' && c != '%').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_become_names() {
        let taken = vec!["level".to_owned()];
        for (heading, expected) in [
            ("Level [m]", "level_2"),
            ("FillSpeedSP", "fill_speed_sp"),
            ("Füllstand Tank 3 (%)", "füllstand_tank_3"),
            ("L1.TT-101.PV", "l1_tt_101_pv"),
            ("3rd station", "c3rd_station"),
            ("[%]", "column"),
            ("", "column"),
        ] {
            assert_eq!(name(heading, &taken), expected, "{heading}");
        }
        assert_eq!(words("FillSpeedSP_2 [°C]"), ["fill", "speed", "sp", "2", "°c"]);
    }
}
