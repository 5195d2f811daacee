//! The form of a column of times, from all its cells.

use super::date::{Pair, pair};
use super::{Form, Order, number};

/// The order of day and month, and its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A number above 12 can only be a day.
    Day,
    /// In the other order time would jump over weeks, or back.
    Steady,
    /// Dates with points have the day first.
    Points,
    /// Nothing decides.
    Unknown,
}

/// The form of a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognised {
    /// The form.
    pub form: Form,
    /// The order of day and month, where the column has such dates: with its reason, a line and its text.
    pub order: Option<(Reason, u64, String)>,
    /// The first line of numbers that are serial numbers or seconds since 1970.
    pub numbers: Option<(u64, String)>,
}

/// A pause over more than this many seconds counts as a jump.
const JUMP_S: f64 = 5.0 * 86_400.0;

/// What the cells say.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    numbers: u64,
    texts: u64,
    fractions: u64,
    least: f64,
    greatest: f64,
    first: Option<(u64, String)>,
    /// Dates of which either number may be the day.
    open: Option<(u64, String)>,
    /// The first number is above 12, and the second: number of cells, with the first of them.
    above: [(u64, Option<(u64, String)>); 2],
    points: bool,
    orders: [Track; 2],
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    last: Option<f64>,
    jumps: u64,
}

impl Cells {
    /// Adds a cell.
    pub fn take(&mut self, text: &str, line: u64) {
        let text = text.trim();
        let example = || (line, text.chars().take(40).collect::<String>());
        if let Some(value) = number(text) {
            if self.numbers == 0 {
                (self.least, self.greatest) = (value, value);
                self.first = Some(example());
            }
            self.numbers += 1;
            self.fractions += u64::from(value.fract() != 0.0);
            (self.least, self.greatest) = (self.least.min(value), self.greatest.max(value));
            return;
        }
        self.texts += u64::from(!text.is_empty());
        let Some(Pair { first, second, mark }) = pair(text) else { return };
        self.points |= mark == '.';
        for (index, part) in [first, second].into_iter().enumerate() {
            if part > 12 {
                self.above[index].0 += 1;
                self.above[index].1.get_or_insert_with(example);
            }
        }
        self.open.get_or_insert_with(example);
        for (track, order) in self.orders.iter_mut().zip([Order::DayFirst, Order::MonthFirst]) {
            let Some(moment) = Form::Any(order).moment(text) else { continue };
            let jumps = track.last.is_some_and(|last| !(0.0..JUMP_S).contains(&(moment.value - last)));
            track.jumps += u64::from(jumps);
            track.last = Some(moment.value);
        }
    }

    /// The form of all cells.
    pub fn recognise(&self) -> Recognised {
        if self.texts == 0 && self.numbers > 0 {
            let form = self.of_numbers();
            let numbers = if form == Form::default() { None } else { self.first.clone() };
            return Recognised { form, order: None, numbers };
        }
        let Some((line, text)) = &self.open else {
            return Recognised { form: Form::default(), order: None, numbers: None };
        };
        let [(days, first), (months, second)] = &self.above;
        let [day_first, month_first] = self.orders;
        let (order, reason, example) = if days.max(months) > &0 {
            let (order, example) =
                if days >= months { (Order::DayFirst, first) } else { (Order::MonthFirst, second) };
            (order, Reason::Day, example.clone())
        } else if self.points {
            (Order::DayFirst, Reason::Points, None)
        } else if day_first.jumps != month_first.jumps {
            let order = if day_first.jumps < month_first.jumps { Order::DayFirst } else { Order::MonthFirst };
            (order, Reason::Steady, None)
        } else {
            (Order::DayFirst, Reason::Unknown, None)
        };
        let (line, text) = example.unwrap_or((*line, text.clone()));
        Recognised { form: Form::Any(order), order: Some((reason, line, text)), numbers: None }
    }

    /// Years 2001 to 2100 as seconds since 1970, or as serial numbers with parts of a day.
    fn of_numbers(&self) -> Form {
        let within = |least: f64, greatest: f64| self.least >= least && self.greatest < greatest;
        for per_second in [1.0, 1e3, 1e6, 1e9] {
            if within(0.978e9 * per_second, 4.103e9 * per_second) {
                return Form::Unix(per_second);
            }
        }
        if within(36_892.0, 73_051.0) && self.fractions > 0 { Form::Serial } else { Form::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(cells: &[&str]) -> Recognised {
        let mut all = Cells::default();
        cells.iter().zip(2..).for_each(|(cell, line)| all.take(cell, line));
        all.recognise()
    }

    #[test]
    fn the_order_is_told_by_a_day_a_point_or_steady_times() {
        let order = |cells: &[&str]| {
            let found = recognised(cells);
            (found.form, found.order.map(|(reason, line, _)| (reason, line)))
        };
        let (day, month) = (Form::Any(Order::DayFirst), Form::Any(Order::MonthFirst));
        assert_eq!(order(&["05/06/2026 7:00", "14/06/2026 7:00"]), (day.clone(), Some((Reason::Day, 3))));
        assert_eq!(order(&["5/6/2026 7:00", "5/13/2026 7:00"]), (month.clone(), Some((Reason::Day, 3))));
        assert_eq!(order(&["05.06.2026", "06.06.2026"]), (day.clone(), Some((Reason::Points, 2))));
        let midnight = ["7/1/2026 11:50 PM", "7/2/2026 12:00 AM", "7/3/2026 12:10 AM"];
        assert_eq!(order(&midnight), (month, Some((Reason::Steady, 2))));
        assert_eq!(order(&["7/1/2026 8:00", "7/1/2026 9:00"]), (day.clone(), Some((Reason::Unknown, 2))));
        assert_eq!(order(&["2026-07-01 08:00"]), (day, None));
    }

    #[test]
    fn numbers_are_steps_unless_they_are_years_of_our_century() {
        let form = |cells: &[&str]| recognised(cells).form;
        assert_eq!(form(&["0", "1", "2"]), Form::default());
        assert_eq!(form(&["46000", "46001"]), Form::default());
        assert_eq!(form(&["46000.5", "46001"]), Form::Serial);
        assert_eq!(form(&["46000,5", "46001"]), Form::Serial);
        assert_eq!(form(&["1790000000", "1790000600"]), Form::Unix(1.0));
        assert_eq!(form(&["1790000000000"]), Form::Unix(1e3));
    }
}
