//! Random numbers for the lanes of a decider, from one named stream.

use setpoint_policy::policy::Draw;
use setpoint_random::Stream;

/// One stream with fixed positions for every lane: in every round of decisions the first lane comes first, then the second
/// lane, and so on, whether these lanes decide or not. A lane's numbers therefore depend on the stream and on the number of
/// lanes, never on the state of another lane.
pub struct LaneDraws {
    stream: Stream,
    lanes: usize,
    numbers: usize,
}

impl LaneDraws {
    /// `numbers` random numbers for each of `lanes` lanes in every round.
    pub fn new(stream: Stream, lanes: usize, numbers: usize) -> Self {
        Self { stream, lanes, numbers }
    }

    /// Gives every row of one round its stream, in the order of the rows; row `i` belongs to lane `lanes[i]`.
    pub fn round<'d>(&'d mut self, lanes: &'d [usize]) -> Round<'d> {
        Round { draws: self, lanes, passed: 0 }
    }
}

/// One round of decisions.
pub struct Round<'d> {
    draws: &'d mut LaneDraws,
    lanes: &'d [usize],
    /// Number of lanes that are passed.
    passed: usize,
}

impl Round<'_> {
    /// The stream at the position of a row's lane.
    pub fn stream(&mut self, row: usize) -> &mut Stream {
        let lane = self.lanes[row];
        if lane >= self.passed {
            self.skip(lane);
            self.passed = lane + 1;
        }
        &mut self.draws.stream
    }

    fn skip(&mut self, lane: usize) {
        for _ in 0..(lane - self.passed) * self.draws.numbers {
            self.draws.stream.next_u64();
        }
    }
}

impl Drop for Round<'_> {
    fn drop(&mut self) {
        self.skip(self.draws.lanes.max(self.passed));
    }
}

impl Draw for Round<'_> {
    fn uniform(&mut self, row: usize) -> f32 {
        self.stream(row).unit()
    }
    fn normal(&mut self, row: usize) -> f32 {
        self.stream(row).normal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_draws_the_same_whatever_other_lanes_do() {
        let stream = || Stream::new(3, "draws", 0);
        let mut all = LaneDraws::new(stream(), 4, 2);
        let mut some = LaneDraws::new(stream(), 4, 2);
        for lanes in [&[0, 1, 2, 3][..], &[2], &[0, 2], &[2, 3], &[]] {
            let draw = |draws: &mut LaneDraws, lanes: &[usize]| -> Vec<[f32; 2]> {
                let mut round = draws.round(lanes);
                (0..lanes.len()).map(|row| [round.uniform(row), round.normal(row)]).collect()
            };
            let every = draw(&mut all, &[0, 1, 2, 3]);
            let own: Vec<_> = lanes.iter().map(|lane| every[*lane]).collect();
            assert_eq!(draw(&mut some, lanes), own);
        }
    }
}
